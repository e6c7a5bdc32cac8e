"""Notes for agents."""

from typing import Literal, TypeAlias

import msgspec

WakeMode: TypeAlias = Literal["now", "next-heartbeat"]


class WakeNote(msgspec.Struct, frozen=True, kw_only=True):
    """Something an agent should know without being asked."""

    note_id: str
    text: str
    mode: WakeMode
    session_key: str | None
    """None means the agent's main session."""
    agent_id: str | None
    """None means the default agent."""
    left_by: str
    """The caller's `actor`."""
    left_ms: int


class NoteLeft(msgspec.Struct, frozen=True):
    """Bus fact: a note was stored. Whoever runs agents takes it with `store.take_note` in its own unit."""

    note: WakeNote


class HeartbeatsSwitched(msgspec.Struct, frozen=True):
    """Bus fact: agents may wake up by themselves from now on, or may not."""

    enabled: bool
