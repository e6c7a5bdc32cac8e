"""The `connect` request and its `hello-ok` answer.

Source: OpenClaw docs/gateway/protocol/handshake.md and the connects recorded from its 2026.9.6 clients.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from protocol.frames import StateVersion
from protocol.method import Wire
from protocol.scopes import Role, Scope

Text = Annotated[str, Meta(min_length=1, max_length=512)]

ClientId = Literal[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
    "node-host",
    "openclaw-worker",
    "test",
    "fingerprint",
    "openclaw-probe",
    "homarus-cli",
    "homarus-web",
    "homarus-node",
]
"""OpenClaw's closed set, and our own three clients."""

ClientMode = Literal["webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"]

BROWSER_CLIENT_IDS: Final = frozenset({"openclaw-control-ui", "webchat-ui", "webchat", "homarus-web"})
"""Clients that run in a page; they never get in without a device identity."""


class ClientInfo(Wire):
    """Which program connects."""

    id: ClientId
    version: Text
    platform: Text
    mode: ClientMode
    display_name: Text | None = None
    build_id: Text | None = None
    device_family: Text | None = None
    model_identifier: Text | None = None
    time_zone: Text | None = None
    instance_id: Text | None = None


class DeviceProof(Wire):
    """Proof of possession of a device key over this connection's challenge.

    `id` is the hex SHA-256 of the raw Ed25519 public key; `public_key` and `signature` are base64url without
    padding.
    """

    id: Text
    public_key: Text
    signature: Text
    signed_at: Annotated[int, Meta(ge=0)]
    """Milliseconds; clients copy the challenge's `ts`."""
    nonce: str = ""
    """The challenge's nonce; absent or blank has an error code of its own."""


class ConnectAuth(Wire):
    """Credentials; a client may send several, each is checked as what it claims to be."""

    token: str | None = None
    password: str | None = None
    device_token: str | None = None
    bootstrap_token: str | None = None


class ConnectParams(Wire):
    """What a client says about itself. Every claim is checked; unknown fields are ignored."""

    min_protocol: Annotated[int, Meta(ge=1)]
    max_protocol: Annotated[int, Meta(ge=1)]
    client: ClientInfo
    role: str = Role.OPERATOR.value
    scopes: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()
    caps: Annotated[tuple[Text, ...], Meta(max_length=128)] = ()
    commands: Annotated[tuple[Text, ...], Meta(max_length=512)] = ()
    permissions: dict[str, bool] = msgspec.field(default_factory=dict[str, bool])
    path_env: str | None = None
    auth: ConnectAuth | None = None
    device: DeviceProof | None = None
    locale: Text | None = None
    user_agent: Text | None = None
    resume: "ResumeRequest | None" = None


class ResumeRequest(Wire):
    """Homarus only, with cap `event-resume`: continue after `cursor` of the gateway life `epoch`."""

    epoch: Text
    cursor: Annotated[int, Meta(ge=0)]


class Challenge(Wire):
    """Payload of `connect.challenge`, sent as soon as the socket is open."""

    nonce: str
    ts: int
    capabilities: list[str]


class ServerInfo(Wire):
    """Which gateway answers."""

    version: str
    boot_id: str
    conn_id: str


class Features(Wire):
    """What this connection may use."""

    methods: list[str]
    events: list[str]
    capabilities: list[str]


class IssuedToken(Wire):
    """An additional device token handed out with a setup code."""

    device_token: str
    role: Role
    scopes: list[Scope]
    issued_at_ms: int


class HelloAuth(Wire):
    """The live authority of this connection."""

    method: str
    role: Role
    scopes: list[Scope]
    device_token: str | None = None
    """Present when the connect carried a device proof of a paired device."""
    issued_at_ms: int | None = None
    device_tokens: list[IssuedToken] | None = None


class AttachmentPolicy(Wire):
    """Largest decoded attachment, in bytes."""

    max_bytes: int
    max_image_bytes: int


class Policy(Wire):
    """Limits a client must keep."""

    max_payload: int
    max_buffered_bytes: int
    tick_interval_ms: int
    attachments: AttachmentPolicy


class ResumeState(Wire):
    """Homarus only: where the event log stands, and whether the asked-for continuation is complete."""

    epoch: str
    cursor: int
    resumed: bool
    """True when every event after the requested cursor follows; false means: read snapshots again."""


class HelloOk(Wire, tag_field="type", tag="hello-ok"):
    """The answer to a successful `connect`."""

    protocol: int
    server: ServerInfo
    features: Features
    snapshot: "Snapshot"
    auth: HelloAuth
    policy: Policy
    plugin_surface_urls: dict[str, str] | None = None
    resume: ResumeState | None = None


class Suspension(Wire):
    """Whether new work is accepted."""

    phase: Literal["accepting", "preparing", "draining", "prepared"]


class SessionDefaults(Wire):
    """Where a client without a session of its own talks to."""

    default_agent_id: str
    model_configured: bool
    ownership: str
    selection_required: bool
    main_key: str
    main_session_key: str
    scope: str


class Snapshot(Wire):
    """State at connect time; later changes arrive as events."""

    suspension: Suspension
    presence: msgspec.Raw
    """Rows of `system-presence`; empty for nodes."""
    health: msgspec.Raw
    """The payload of `health`."""
    state_version: StateVersion
    uptime_ms: int
    session_defaults: SessionDefaults | None = None
    auth_mode: str | None = None
    config_path: str | None = None
    state_dir: str | None = None
