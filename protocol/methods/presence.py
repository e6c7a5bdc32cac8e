"""Presence, system events, and heartbeats on and off.

Source: docs/cli/system.md and answers recorded from OpenClaw 2026.9.6.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Done, Wire, method
from protocol.nouns.presence import HeartbeatReport, PresenceRow
from protocol.scopes import Role, Scope

Label = Annotated[str, Meta(min_length=1, max_length=512)]
EventText = Annotated[str, Meta(min_length=1, max_length=16_384)]


@method("system-presence", Scope.READ)
class SystemPresence(Call[list[PresenceRow]]):
    """Everyone who is there, the gateway first, then the newest."""


@method("system-event", Scope.ADMIN)
class SystemEvent(Call[Done]):
    """Report that a program is there, and what it is.

    Rows are merged by `deviceId`, else by `instanceId`, else by `host`, else by the text.
    """

    text: EventText
    device_id: Label | None = None
    instance_id: Label | None = None
    host: Label | None = None
    ip: Label | None = None
    mode: Label | None = None
    version: Label | None = None
    platform: Label | None = None
    device_family: Label | None = None
    model_identifier: Label | None = None
    time_zone: Label | None = None
    reason: Label | None = None
    last_input_seconds: Annotated[int, Meta(ge=0)] | None = None
    roles: Annotated[tuple[Role, ...], Meta(max_length=8)] | None = None
    scopes: Annotated[tuple[Label, ...], Meta(max_length=64)] | None = None
    tags: Annotated[tuple[Label, ...], Meta(max_length=64)] | None = None


@method("wake", Scope.WRITE)
class Wake(Call[Done]):
    """Leave a note for an agent: acted on at once, or at its next heartbeat.

    The note is stored before this answers. `ok` is false for a blank text.
    """

    mode: Literal["now", "next-heartbeat"]
    text: EventText
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    """Session to leave it in; default the agent's main session."""
    agent_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


@method("last-heartbeat", Scope.READ)
class LastHeartbeat(Call[HeartbeatReport | None]):
    """How the newest heartbeat turn went; null before the first."""


class HeartbeatsSet(Wire):
    """The setting as stored."""

    ok: bool
    enabled: bool


@method("set-heartbeats", Scope.ADMIN)
class SetHeartbeats(Call[HeartbeatsSet]):
    """Let agents wake up by themselves, or not; survives a restart."""

    enabled: bool
