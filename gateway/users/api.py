"""The methods about people."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.users.service import Users
from protocol.methods.users import (
    UserPrefs,
    UserPrefsStored,
    UserResult,
    UsersList,
    UsersListResult,
    UsersPrefsGet,
    UsersPrefsSet,
    UsersSelf,
    UsersSetDisplayName,
)


class UsersApi:
    """`users.*`."""

    def __init__(self, users: Users) -> None:
        self._users = users

    @handles(UsersList)
    async def list_users(self, _ctx: Ctx, _call: UsersList) -> UsersListResult:
        """Every person."""
        return UsersListResult(profiles=await self._users.profiles())

    @handles(UsersSelf)
    async def who_am_i(self, ctx: Ctx, _call: UsersSelf) -> UserResult:
        """The caller's person."""
        return UserResult(profile=await self._users.self_of(ctx.principal))

    @handles(UsersSetDisplayName)
    async def set_display_name(self, ctx: Ctx, call: UsersSetDisplayName) -> UserResult:
        """Name a person."""
        profile = await self._users.set_display_name(ctx.principal, call.profile_id, call.display_name)
        return UserResult(profile=profile)

    @handles(UsersPrefsGet)
    async def get_prefs(self, ctx: Ctx, call: UsersPrefsGet) -> UserPrefs:
        """Read preferences."""
        entries = await self._users.prefs(ctx.principal, call.keys)
        return UserPrefs(status="no_durable_identity" if entries is None else "ok", entries=entries)

    @handles(UsersPrefsSet)
    async def set_prefs(self, ctx: Ctx, call: UsersPrefsSet) -> UserPrefsStored:
        """Store preferences."""
        stored = await self._users.set_prefs(ctx.principal, call.entries, call.expected_entries)
        if stored is None:
            return UserPrefsStored(status="no_durable_identity")
        return UserPrefsStored(status="ok" if stored else "conflict")
