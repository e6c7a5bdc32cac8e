"""What the device registry stores."""

import msgspec

from protocol.connect import ConnectParams
from protocol.nouns.device import (
    ApprovedVia,
    DeviceTokenInfo,
    PairedDevice,
    PairRequest,
    SetupAccess,
)
from protocol.scopes import Role, Scope


class ClientFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which program a device runs, as it said itself."""

    client_id: str
    client_mode: str
    platform: str
    display_name: str | None = None
    device_family: str | None = None

    @classmethod
    def of(cls, params: ConnectParams) -> "ClientFacts":
        """The facts in a connect request."""
        client = params.client
        return cls(
            client_id=client.id,
            client_mode=client.mode,
            platform=client.platform,
            display_name=client.display_name,
            device_family=client.device_family,
        )


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a device that proved its key wants to be."""

    device_id: str
    public_key: str
    role: Role
    scopes: tuple[Scope, ...]
    facts: ClientFacts
    remote_ip: str | None
    """None from this machine."""
    browser_origin: str | None

    @property
    def silent(self) -> bool:
        """Whether it comes from this machine and not from a browser."""
        return self.remote_ip is None and self.browser_origin is None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device that was let in."""

    device_id: str
    public_key: str
    role: Role
    roles: tuple[Role, ...]
    scopes: tuple[Scope, ...]
    facts: ClientFacts
    operator_label: str | None
    remote_ip: str | None
    approved_via: ApprovedVia
    created_ms: int
    approved_ms: int
    last_seen_ms: int | None

    def noun(self, tokens: "tuple[Token, ...]", *, connected: bool | None = None) -> PairedDevice:
        """The device as clients see it."""
        return PairedDevice(
            device_id=self.device_id,
            public_key=self.public_key,
            role=self.role,
            roles=list(self.roles),
            scopes=list(self.scopes),
            approved_via=self.approved_via,
            created_at_ms=self.created_ms,
            approved_at_ms=self.approved_ms,
            tokens=[token.noun() for token in tokens],
            display_name=self.facts.display_name,
            operator_label=self.operator_label,
            platform=self.facts.platform,
            device_family=self.facts.device_family,
            client_id=self.facts.client_id,
            client_mode=self.facts.client_mode,
            remote_ip=self.remote_ip,
            last_seen_at_ms=self.last_seen_ms,
            last_seen_reason="connect" if self.last_seen_ms is not None else None,
            connected=connected,
        )


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A device token, without the token."""

    device_id: str
    role: Role
    token_id: str
    token_hash: bytes
    scopes: tuple[Scope, ...]
    created_ms: int
    """When this device got its first token for this role."""
    issued_ms: int
    """When it got this one."""
    revoked_ms: int | None
    last_used_ms: int | None

    def noun(self) -> DeviceTokenInfo:
        """The token as clients see it."""
        return DeviceTokenInfo(
            role=self.role,
            scopes=list(self.scopes),
            created_at_ms=self.created_ms,
            rotated_at_ms=self.issued_ms if self.issued_ms != self.created_ms else None,
            revoked_at_ms=self.revoked_ms,
            last_used_at_ms=self.last_used_ms,
        )


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits for an approval."""

    request_id: str
    ask: Ask
    is_repair: bool
    asked_ms: int

    def noun(self, paired_roles: tuple[Role, ...] = ()) -> PairRequest:
        """The request as clients see it."""
        ask = self.ask
        return PairRequest(
            request_id=self.request_id,
            device_id=ask.device_id,
            public_key=ask.public_key,
            role=ask.role,
            all_roles=list(dict.fromkeys((*paired_roles, ask.role))),
            scopes=list(ask.scopes),
            silent=ask.silent,
            is_repair=self.is_repair,
            ts=self.asked_ms,
            display_name=ask.facts.display_name,
            platform=ask.facts.platform,
            device_family=ask.facts.device_family,
            client_id=ask.facts.client_id,
            client_mode=ask.facts.client_mode,
            browser_origin=ask.browser_origin,
            remote_ip=ask.remote_ip,
        )


class SetupCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code that lets one device in."""

    setup_id: str
    token_hash: bytes
    join_hash: bytes | None
    payload: str
    """What the code says besides its token: JSON `{url, tlsFingerprint?}`."""
    access: SetupAccess
    created_ms: int
    expires_ms: int
    bound_device: str | None
    """The first device that used it; nobody else can from then on."""
    used_ms: int | None
    device_name: str | None
