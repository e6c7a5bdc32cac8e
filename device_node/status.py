"""What the running node says about itself; `homarus node status` shows it."""

from typing import Literal

import msgspec

State = Literal[
    "starting", "connecting", "connected", "waiting for approval", "not connected", "asleep", "stopped"
]

Posture = Literal["foreground", "background", "asleep"]
"""Of a phone: on the screen; behind another app, but connected; neither."""

SurfaceState = Literal["unknown", "approved", "waiting"]


class NodeStatus(msgspec.Struct, kw_only=True, rename="camel"):
    """One node, now."""

    device_id: str
    display_name: str
    profile: str
    pid: int
    state: State = "starting"
    gateway: str | None = None
    gateway_version: str | None = None
    connected_since_ms: int | None = None
    surface: SurfaceState = "unknown"
    """Whether the gateway lets this node be asked for what it offers."""
    caps: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    running: int = 0
    """Commands under way."""
    done: int = 0
    """Commands done since the node started; failed ones do not count."""
    last_error: str | None = None
    next_step: str | None = None
    retry_in_s: float | None = None
    posture: Posture | None = None
    """Of a simulated phone."""
    rss_bytes: int | None = None
