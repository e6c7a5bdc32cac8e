"""The `sessions.groups` methods."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.sessions.announce import Announcer
from gateway.sessions.groups import GroupList, SessionGroups
from protocol.methods.sessions_groups import (
    AllGroupDefaults,
    Groups,
    GroupsChanged,
    GroupUpdated,
    SessionsGroupsDefaults,
    SessionsGroupsDelete,
    SessionsGroupsList,
    SessionsGroupsPut,
    SessionsGroupsRename,
    SessionsGroupsUpdate,
)


class SessionGroupsApi:
    """Groups of sessions; every change tells clients to read their lists again."""

    def __init__(self, groups: SessionGroups, announcer: Announcer) -> None:
        self._groups = groups
        self._announcer = announcer

    @handles(SessionsGroupsList)
    async def all(self, _ctx: Ctx, _call: SessionsGroupsList) -> Groups:
        """All groups in order."""
        found = await self._groups.all()
        return Groups(groups=found.groups, section_order=found.section_order)

    @handles(SessionsGroupsDefaults)
    async def defaults(self, _ctx: Ctx, _call: SessionsGroupsDefaults) -> AllGroupDefaults:
        """What new sessions start with."""
        return AllGroupDefaults(defaults=await self._groups.defaults())

    @handles(SessionsGroupsPut)
    async def put(self, _ctx: Ctx, call: SessionsGroupsPut) -> GroupsChanged:
        """Replace names and order."""
        return self._changed(await self._groups.put(call.names, call.section_order))

    @handles(SessionsGroupsRename)
    async def rename(self, _ctx: Ctx, call: SessionsGroupsRename) -> GroupsChanged:
        """Rename with the sessions."""
        found, moved = await self._groups.rename(call.name, call.to)
        return self._changed(found, moved)

    @handles(SessionsGroupsUpdate)
    async def update(self, _ctx: Ctx, call: SessionsGroupsUpdate) -> GroupUpdated:
        """Set what new sessions start with."""
        return GroupUpdated(
            ok=True, defaults=await self._groups.update(call.name, call.cwd, worktree=call.worktree)
        )

    @handles(SessionsGroupsDelete)
    async def delete(self, _ctx: Ctx, call: SessionsGroupsDelete) -> GroupsChanged:
        """Remove; sessions stay."""
        found, left = await self._groups.delete(call.name)
        return self._changed(found, left)

    def _changed(self, found: GroupList, updated_sessions: int | None = None) -> GroupsChanged:
        self._announcer.many_changed("groups")
        return GroupsChanged(
            ok=True,
            groups=found.groups,
            section_order=found.section_order,
            updated_sessions=updated_sessions,
        )
