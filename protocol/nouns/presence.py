"""Who is there. Source: `system-presence` of OpenClaw 2026.9.6, and docs/concepts/presence.md."""

from typing import Literal

from protocol.method import Wire
from protocol.scopes import Role


class PresenceIdentity(Wire):
    """What kind of id a user has."""

    type: Literal["profile"]
    id: str


class PresenceUser(Wire):
    """The person behind a connection."""

    id: str
    identity: PresenceIdentity
    name: str | None = None


class PresenceRow(Wire):
    """One device or program, connected now or until a moment ago."""

    ts: int
    """Milliseconds; when this row last changed or was confirmed."""
    host: str | None = None
    ip: str | None = None
    """Absent for programs on the gateway's own machine."""
    version: str | None = None
    platform: str | None = None
    device_family: str | None = None
    model_identifier: str | None = None
    time_zone: str | None = None
    mode: str | None = None
    reason: str | None = None
    """`self`, `connect` and `disconnect` are the gateway's; beacons bring their own."""
    text: str | None = None
    device_id: str | None = None
    instance_id: str | None = None
    roles: list[Role] | None = None
    scopes: list[str] | None = None
    tags: list[str] | None = None
    user: PresenceUser | None = None
    online_since: int | None = None
    """Milliseconds; when this person's present time online began, over all their connections."""
    last_input_seconds: int | None = None


class HeartbeatReport(Wire):
    """How the newest heartbeat turn went."""

    ts: int
    status: Literal["sent", "ok-empty", "ok-token", "skipped", "failed"]
    reason: str | None = None
    preview: str | None = None
    duration_ms: int | None = None
