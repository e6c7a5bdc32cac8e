"""Turns and agents as tests hand them to a runtime."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from gateway.agents.model import AgentProfile, TextDelta, Turn, TurnEvent
from protocol.scopes import Scope

_PROFILE = AgentProfile(
    id="main",
    name="Assistant",
    named=False,
    emoji=None,
    avatar=None,
    runtime="offline",
    model="homarus/offline",
    fallbacks=(),
    system_prompt="",
    workspace=Path("/nonexistent"),
    tools_allow=None,
    argv=(),
    configured=False,
)

_TURN = Turn(
    run_id="run-1",
    session_key="agent:main:main",
    session_id="session-1",
    agent_id="main",
    message="",
    actor="client:test",
    scopes=(Scope.READ, Scope.WRITE),
    deadline_s=60.0,
    trace_id="0af7651916cd43dd8448eb211c80319c",
)


def profile_of(**changes: Any) -> AgentProfile:
    """The offline `main` agent, with changes."""
    return msgspec.structs.replace(_PROFILE, **changes)


def turn_of(message: str, **changes: Any) -> Turn:
    """A turn of an operator who may read and write, with changes."""
    return msgspec.structs.replace(_TURN, message=message, **changes)


def text_of(events: Iterable[TurnEvent]) -> str:
    """Everything that was said."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))
