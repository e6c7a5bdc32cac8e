"""What operators hear about who is there. Source: events recorded from OpenClaw 2026.9.6."""

from typing import Literal

import msgspec

from protocol.method import Event, event
from protocol.scopes import Scope


@event("presence", Scope.READ, is_state=True)
class PresenceEvent(Event):
    """The whole presence list, whenever it changed. The frame carries `stateVersion`."""

    presence: msgspec.Raw
    """Rows as in `system-presence`."""


@event("heartbeat", Scope.READ)
class HeartbeatEvent(Event):
    """A heartbeat turn ended."""

    ts: int
    status: Literal["sent", "ok-empty", "ok-token", "skipped", "failed"]
    reason: str | None = None
    preview: str | None = None
    duration_ms: int | None = None
