"""Which agents there are: those of the configuration, those made over the protocol, and always `main`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.agents import store
from gateway.agents.model import AgentProfile, AgentRuntime
from gateway.agents.profiles import (
    MAIN_AGENT,
    AgentRecord,
    agent_id_of,
    configured_profile,
    implied_profile,
    stored_profile,
)
from gateway.agents.settings import AgentsSettings
from gateway.agents.workspace import checked_workspace, make_workspace
from gateway.kernel.clock import Clock
from gateway.kernel.home import Home
from gateway.kernel.store.db import Database
from gateway.kernel.store.files import private_dir
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.method import UNSET
from protocol.methods.agents import AgentsCreate, AgentsUpdate


class PutAway(msgspec.Struct, frozen=True):
    """What became of a removed agent's folder."""

    path: Path
    problem: str = ""
    missing: bool = False


class Agents:
    """The directory of agents, an `AgentDirectory`. Profiles are in RAM; changes go to `state.db` first."""

    def __init__(
        self,
        *,
        database: Database,
        home: Home,
        clock: Clock,
        settings: Callable[[], AgentsSettings],
        runtime_of: Callable[[AgentProfile], AgentRuntime],
    ) -> None:
        self._database = database
        self._home = home
        self._clock = clock
        self._settings = settings
        self._runtime_of = runtime_of
        self._records: dict[str, AgentRecord] = {}
        self._profiles: dict[str, AgentProfile] = {}
        self._listeners: list[Callable[[], None]] = []
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Read the stored agents."""
        self._records = {record.id: record for record in await self._database.read(store.all_records)}
        self.refresh()

    def refresh(self) -> None:
        """Make the profiles afresh, after the settings or a record changed, and tell the listeners."""
        settings = self._settings()
        profiles = {
            agent_id: configured_profile(agent_id, entry, settings, self._home)
            for agent_id, entry in settings.entries.items()
        }
        for record in self._records.values():
            profiles.setdefault(record.id, stored_profile(record, settings, self._home))
        if MAIN_AGENT not in profiles:
            profiles[MAIN_AGENT] = implied_profile(MAIN_AGENT, settings, self._home)
        default = settings.default if settings.default in profiles else MAIN_AGENT
        self._profiles = {default: profiles.pop(default), **profiles}
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener()` whenever an answer of this directory may have changed."""
        self._listeners.append(listener)

    @property
    def default_agent_id(self) -> str:
        """The agent that answers when nobody is named."""
        return next(iter(self._profiles))

    def profiles(self) -> list[AgentProfile]:
        """All agents, the default one first."""
        return list(self._profiles.values())

    def resolve(self, agent_id: str) -> AgentProfile:
        """The agent of that id.

        Raises:
            NotFound: there is none.
        """
        profile = self.find(agent_id)
        if profile is None:
            raise NotFound(f'agent "{agent_id[:100]}" not found', {"field": "agentId"})
        return profile

    def find(self, agent_id: str) -> AgentProfile | None:
        """The agent of that id, in whatever case; None when there is none."""
        return self._profiles.get(agent_id.strip().casefold())

    def named_or_default(self, agent_id: str | None) -> AgentProfile:
        """The agent of that id, or the default one for None.

        Raises:
            NotFound: there is none of that id.
        """
        return self.resolve(agent_id if agent_id is not None else self.default_agent_id)

    def runtime_for(self, agent_id: str) -> AgentRuntime:
        """What answers for that agent.

        Raises:
            NotFound: there is no such agent.
        """
        return self._runtime_of(self.resolve(agent_id))

    async def create(self, call: AgentsCreate) -> AgentProfile:
        """Make an agent and its folder.

        Raises:
            Conflict: there is one of that id.
            InvalidRequest: naming the field that is wrong.
        """
        agent_id = agent_id_of(call.name)
        now_ms = self._clock.now_ms()
        record = AgentRecord(
            id=agent_id,
            name=call.name.strip(),
            emoji=call.emoji or None,
            avatar=call.avatar or None,
            model=self._model(call.model, "model"),
            fallbacks=self._models(call.fallbacks or []),
            system_prompt=call.system_prompt,
            tools=tuple(call.tools) if call.tools is not None else None,
            workspace=self._workspace(call.workspace),
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        async with self._changing:
            if agent_id in self._profiles:
                raise Conflict(f'agent "{agent_id}" already exists; choose another name', {"field": "name"})
            folder = Path(record.workspace) if record.workspace else self._home.workspace_dir(agent_id)
            await asyncio.to_thread(make_workspace, folder)
            await self._save(record)
        return self.resolve(agent_id)

    async def update(self, call: AgentsUpdate) -> AgentProfile:
        """Change an agent; fields that are absent stay.

        Raises:
            NotFound: there is none of that id.
            Conflict: it comes from the configuration file.
            InvalidRequest: naming the field that is wrong.
        """
        async with self._changing:
            profile = self._changeable(call.agent_id, "changed")
            now_ms = self._clock.now_ms()
            old = self._records.get(profile.id) or AgentRecord(
                id=profile.id, created_ms=now_ms, updated_ms=now_ms
            )
            changes = self._changes(call)
            await self._save(msgspec.structs.replace(old, **changes, updated_ms=now_ms))
            return self.resolve(profile.id)

    async def delete(self, agent_id: str, *, with_files: bool) -> tuple[AgentProfile, PutAway | None]:
        """Remove an agent; its folder goes to the trash when it stands in the gateway's home.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is the default agent, `main`, or comes from the configuration file.
        """
        async with self._changing:
            profile = self._changeable(agent_id, "deleted")
            if profile.id in {self.default_agent_id, MAIN_AGENT}:
                raise Conflict(f'agent "{profile.id}" is the default agent and cannot be deleted')
            await self._database.write(lambda tx: store.remove(tx, profile.id))
            self._records.pop(profile.id, None)
            self.refresh()
        if not with_files or not profile.workspace.is_relative_to(self._home.workspaces_dir):
            return profile, None
        return profile, await asyncio.to_thread(self._put_away, profile)

    def _changeable(self, agent_id: str, what: str) -> AgentProfile:
        profile = self.resolve(agent_id)
        if profile.configured:
            raise Conflict(
                f'agent "{profile.id}" is set up in the configuration file and can only be {what} there'
            )
        return profile

    async def _save(self, record: AgentRecord) -> None:
        await self._database.write(lambda tx: store.put(tx, record))
        self._records[record.id] = record
        self.refresh()

    def _changes(self, call: AgentsUpdate) -> dict[str, object]:
        changes: dict[str, object] = {}
        for field in ("name", "emoji", "avatar"):
            text = getattr(call, field)
            if text is not None:
                changes[field] = text.strip() or None
        if call.system_prompt is not None:
            changes["system_prompt"] = call.system_prompt
        if call.workspace is not None:
            changes["workspace"] = self._workspace(call.workspace)
        if call.model is not UNSET:
            changes["model"] = self._model(call.model, "model")
        if call.fallbacks is not None:
            changes["fallbacks"] = self._models(call.fallbacks)
        if call.tools is not UNSET:
            changes["tools"] = tuple(call.tools) if call.tools is not None else None
        return changes

    def _workspace(self, chosen: str | None) -> str | None:
        return str(checked_workspace(chosen, self._home)) if chosen is not None else None

    def _models(self, names: list[str]) -> tuple[str, ...]:
        return tuple(self._model(name, "fallbacks") or "" for name in names)

    def _model(self, name: str | None, field: str) -> str | None:
        problem = self._settings().model_problem(name) if name is not None else ""
        if problem:
            raise InvalidRequest(f"{field}: {problem}", {"field": field})
        return name

    def _put_away(self, profile: AgentProfile) -> PutAway:
        trash = self._home.root / "trash"
        target = trash / f"{profile.id}-{self._clock.now_ms()}"
        try:
            private_dir(trash)
            profile.workspace.rename(target)
        except FileNotFoundError:
            return PutAway(profile.workspace, missing=True)
        except OSError as error:
            return PutAway(profile.workspace, problem=error.strerror or str(error))
        return PutAway(profile.workspace)
