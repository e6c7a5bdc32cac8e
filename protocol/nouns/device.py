"""Paired devices, their tokens, and requests to be paired."""

from typing import Annotated, Literal

from msgspec import Meta, field

from protocol.method import Wire
from protocol.scopes import Role, Scope

DeviceId = Annotated[str, Meta(min_length=1, max_length=128)]
"""Hex SHA-256 of the device's public key."""

ApprovedVia = Literal["owner", "silent", "bootstrap"]
"""Who let a device in: a person, the shared secret on this machine, or a setup code."""

SetupAccess = Literal["full", "limited", "node"]
"""What a setup code gives: an operator with admin, one without, or a node only."""


class DeviceTokenInfo(Wire):
    """A device token, without the token."""

    role: Role
    scopes: list[Scope]
    created_at_ms: int
    rotated_at_ms: int | None = None
    revoked_at_ms: int | None = None
    last_used_at_ms: int | None = None


class PairedDevice(Wire):
    """A device that was let in."""

    device_id: str
    public_key: str
    """Base64url without padding."""
    role: Role
    """The role of the newest approval."""
    roles: list[Role]
    scopes: list[Scope]
    """What its operator connections may ask for."""
    approved_via: ApprovedVia
    created_at_ms: int
    approved_at_ms: int
    tokens: list[DeviceTokenInfo]
    display_name: str | None = None
    """What the device calls itself."""
    operator_label: str | None = None
    """What its owner calls it; wins over `display_name`."""
    platform: str | None = None
    device_family: str | None = None
    client_id: str | None = None
    client_mode: str | None = None
    remote_ip: str | None = None
    """Absent for devices on this machine."""
    last_seen_at_ms: int | None = None
    last_seen_reason: str | None = None
    connected: bool | None = None
    """Present in lists."""


class PairRequest(Wire):
    """A device that waits for an approval."""

    request_id: str
    """Stays the same while the device keeps asking for the same or less."""
    device_id: str
    public_key: str
    role: Role
    all_roles: list[Role] = field(name="roles")
    """The roles it would have then. Named apart because an event's class says in `roles` who receives it."""
    scopes: list[Scope]
    silent: bool
    """True when it came from this machine, where most requests need no approval."""
    is_repair: bool
    """True when the device is paired already and asks for more, or has changed."""
    ts: int
    """Milliseconds; when it last asked."""
    display_name: str | None = None
    platform: str | None = None
    device_family: str | None = None
    client_id: str | None = None
    client_mode: str | None = None
    browser_origin: str | None = None
    remote_ip: str | None = None


class SetupCompletion(Wire):
    """Which device a setup code let in."""

    setup_id: str
    device_id: str
    access: SetupAccess
    ts: int
    device_name: str | None = None
