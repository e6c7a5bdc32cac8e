"""From what is stored or configured to the profile everything else works with."""

import re
from pathlib import Path
from typing import Final

import msgspec

from gateway.agents.model import AgentProfile, RuntimeKind
from gateway.agents.settings import (
    COMMAND_PROVIDER,
    NO_ENTRY,
    OFFLINE_MODEL,
    AgentEntry,
    AgentsSettings,
    ModelRefSettings,
)
from gateway.kernel.home import Home
from protocol.errors import InvalidRequest

MAIN_AGENT: Final = "main"
"""The agent that is always there; clients spell its conversation `agent:main:main`."""

DEFAULT_NAME: Final = "Assistant"
"""Name of an agent nobody named. Observed: OpenClaw's `agent.identity.get` answers it for a fresh gateway."""

_NOT_ID: Final = re.compile(r"[^a-z0-9_-]+")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An agent made or changed over the protocol; `None` means: as for an agent nobody described."""

    id: str
    name: str | None = None
    emoji: str | None = None
    avatar: str | None = None
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    system_prompt: str | None = None
    tools: tuple[str, ...] | None = None
    workspace: str | None = None
    created_ms: int
    updated_ms: int


def agent_id_of(name: str) -> str:
    """The id an agent of that name gets: lower case, everything else than letters and digits a dash.

    Raises:
        InvalidRequest: when nothing is left of the name.
    """
    agent_id = _NOT_ID.sub("-", name.strip().casefold()).strip("-_")[:64].rstrip("-_")
    if _ID.fullmatch(agent_id) is None:
        raise InvalidRequest("name: needs a letter or digit from a to z, 0 to 9", {"field": "name"})
    return agent_id


def configured_profile(
    agent_id: str, entry: AgentEntry, settings: AgentsSettings, home: Home
) -> AgentProfile:
    """The profile of an agent of the configuration file."""
    wanted = entry.model or settings.model
    runtime = _runtime(entry, wanted)
    primary, fallbacks = _models(runtime, entry, wanted)
    return AgentProfile(
        id=agent_id,
        name=entry.name or _default_name(agent_id),
        named=entry.name is not None,
        emoji=entry.emoji,
        avatar=entry.avatar,
        runtime=runtime,
        model=primary,
        fallbacks=fallbacks,
        system_prompt=entry.system_prompt,
        workspace=_workspace(agent_id, entry.workspace, home),
        tools_allow=entry.tools,
        argv=entry.argv,
        configured=True,
    )


def stored_profile(record: AgentRecord, settings: AgentsSettings, home: Home) -> AgentProfile:
    """The profile of an agent made over the protocol."""
    model = settings.model
    if record.model is not None:
        model = ModelRefSettings(primary=record.model, fallbacks=record.fallbacks)
    profile = implied_profile(record.id, settings, home)
    return msgspec.structs.replace(
        profile,
        name=record.name or profile.name,
        named=record.name is not None,
        emoji=record.emoji,
        avatar=record.avatar,
        runtime=_runtime(NO_ENTRY, model),
        model=model.primary,
        fallbacks=model.fallbacks,
        system_prompt=record.system_prompt or "",
        workspace=_workspace(record.id, record.workspace, home),
        tools_allow=record.tools,
        created_ms=record.created_ms,
    )


def implied_profile(agent_id: str, settings: AgentsSettings, home: Home) -> AgentProfile:
    """The profile of an agent nobody described."""
    profile = configured_profile(agent_id, NO_ENTRY, settings, home)
    return msgspec.structs.replace(profile, configured=False)


def _runtime(entry: AgentEntry, wanted: ModelRefSettings) -> RuntimeKind:
    if entry.runtime is not None:
        return entry.runtime
    if entry.argv:
        return "command"
    return "offline" if wanted.primary == OFFLINE_MODEL else "llm"


def _models(runtime: RuntimeKind, entry: AgentEntry, wanted: ModelRefSettings) -> tuple[str, tuple[str, ...]]:
    if runtime == "offline":
        return OFFLINE_MODEL, ()
    if runtime == "command":
        return f"{COMMAND_PROVIDER}/{Path(entry.argv[0]).name}", ()
    return wanted.primary, wanted.fallbacks


def _default_name(agent_id: str) -> str:
    return DEFAULT_NAME if agent_id == MAIN_AGENT else agent_id


def _workspace(agent_id: str, chosen: str | None, home: Home) -> Path:
    return Path(chosen).expanduser() if chosen else home.workspace_dir(agent_id)
