"""Pairing devices and managing their tokens.

Who may do what: nobody hands out more than they hold. A caller with a device and without `operator.admin`
manages only that device's own operator token; node tokens are for admins.

Source: OpenClaw docs/gateway/protocol/auth.md and docs/cli/devices.md (2026.9.6); its answers, recorded.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from protocol.method import Call, Wire, method
from protocol.nouns.device import DeviceId, PairedDevice, PairRequest, SetupAccess, SetupCompletion
from protocol.scopes import Role, Scope

RequestId = Annotated[str, Meta(min_length=1, max_length=128)]
SetupId = Annotated[str, Meta(min_length=1, max_length=128)]


class DevicePairListResult(Wire):
    """Newest first."""

    pending: list[PairRequest]
    paired: list[PairedDevice]


@method("device.pair.list", Scope.PAIRING)
class DevicePairList(Call[DevicePairListResult]):
    """Devices that are paired or wait for it; a device without admin sees only itself."""


class DevicePairApproved(Wire):
    """The device as it is now."""

    request_id: str
    device: PairedDevice


@method("device.pair.approve", Scope.PAIRING)
class DevicePairApprove(Call[DevicePairApproved]):
    """Let a waiting device in.

    Errors: ``unknown requestId``; ``device pairing approval denied`` when the caller lacks a scope the
    device asks for, or admin for a node.
    """

    request_id: RequestId


class DevicePairRejected(Wire):
    """Which request is gone."""

    request_id: str
    device_id: str


@method("device.pair.reject", Scope.PAIRING)
class DevicePairReject(Call[DevicePairRejected]):
    """Turn a waiting device away; it may ask again."""

    request_id: RequestId


class DevicePairRemoved(Wire):
    """Which device is gone."""

    device_id: str


@method("device.pair.remove", Scope.PAIRING)
class DevicePairRemove(Call[DevicePairRemoved]):
    """Forget a device: its tokens end and its connections close."""

    device_id: DeviceId


class DevicePairRenamed(Wire):
    """The label as stored."""

    device_id: str
    label: str


@method("device.pair.rename", Scope.PAIRING)
class DevicePairRename(Call[DevicePairRenamed]):
    """Give a device its owner's name for it; survives re-pairing."""

    device_id: DeviceId
    label: Annotated[str, Meta(min_length=1, max_length=64)]


class DeviceSetupCode(Wire):
    """A single-use code that lets one device in."""

    setup_id: str
    expires_at_ms: int
    setup_code: str
    """Base64url of JSON `{url, bootstrapToken, expiresAtMs, tlsFingerprint?}`."""
    gateway_url: str
    auth: Literal["token", "password"]
    url_source: str
    access: SetupAccess
    join_url: str | None = None
    qr_data_url: str | None = None
    """A PNG of the code, as a data URL."""
    access_downgraded: bool | None = None
    """True when full access was asked for and the connection is not encrypted."""


@method("device.pair.setupCode", Scope.ADMIN)
class DevicePairSetupCode(Call[DeviceSetupCode]):
    """Make a setup code, good for one device and ten minutes."""

    public_url: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
    """Where the device will reach the gateway; default `gateway.public_url`, else the bound address."""
    prefer_remote_url: bool = False
    include_qr: bool = True
    bootstrap_profile: Literal["limited", "node"] | None = None
    join_url: bool = False
    """Also make a link that serves the code once."""


class DevicePairSetupStatusResult(Wire):
    """Empty while nobody used the code."""

    completion: SetupCompletion | None = None


@method("device.pair.setupStatus", Scope.ADMIN)
class DevicePairSetupStatus(Call[DevicePairSetupStatusResult]):
    """Whether a setup code was used."""

    setup_id: SetupId


class DeviceTokenRotated(Wire):
    """The new token is in the answer only when a device rotates its own."""

    device_id: str
    role: Role
    scopes: list[Scope]
    rotated_at_ms: int
    token_delivery: Literal["in-band", "withheld-cross-device"]
    token: str | None = None


@method("device.token.rotate", Scope.PAIRING)
class DeviceTokenRotate(Call[DeviceTokenRotated]):
    """Replace a device's token; the old one ends at once and its connections close."""

    device_id: DeviceId
    role: Annotated[str, Meta(min_length=1, max_length=64)]
    scopes: Annotated[tuple[str, ...], Meta(max_length=64)] | None = None
    """Scopes of the new token, within what the device was approved for; default: those of the old one."""


class DeviceTokenRevoked(Wire):
    """When the token ended."""

    device_id: str
    role: Role
    revoked_at_ms: int


@method("device.token.revoke", Scope.PAIRING)
class DeviceTokenRevoke(Call[DeviceTokenRevoked]):
    """End a device's token and close its connections."""

    device_id: DeviceId
    role: Annotated[str, Meta(min_length=1, max_length=64)]


class DevicesRepaired(Wire):
    """What was cleared."""

    lockouts: int
    """Addresses that had been locked out."""
    expired: int
    """Old requests and setup codes."""
    pending: list[PairRequest]
    """Devices that still wait for an approval."""
    actions: list[str] = field(default_factory=list[str])
    """What was done, in words."""


@method("devices.repair", Scope.ADMIN, additive=True)
class DevicesRepair(Call[DevicesRepaired], forbid_unknown_fields=True):
    """Homarus only: make entry possible again.

    Lifts lock-outs, drops what expired, and approves the request named. Over the local socket it needs no
    token, so the owner of the machine can always get back in.
    """

    approve: RequestId | None = None
    """A waiting request to approve on the way."""
