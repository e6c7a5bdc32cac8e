"""Chat channels: what is connected, and sending through one.

Source: `ChannelsStatusResult` and `MessageActionParams` of OpenClaw's schema (2026.9.1) and recorded answers.
"""

from typing import Annotated

from msgspec import Meta

from protocol.errors import JsonValue
from protocol.method import Call, Wire, method
from protocol.scopes import Scope

Name = Annotated[str, Meta(min_length=1, max_length=64)]


class ChannelMeta(Wire):
    """How a channel is shown."""

    id: str
    label: str
    detail_label: str


class ChannelAccountStatus(Wire):
    """One account of a channel."""

    account_id: str
    enabled: bool
    configured: bool
    running: bool
    connected: bool
    name: str | None = None
    last_error: str | None = None
    """What went wrong last, and what to do."""
    last_connected_at: int | None = None
    last_inbound_at: int | None = None
    last_outbound_at: int | None = None


class ChannelStatuses(Wire):
    """Every channel that is set up; the maps are keyed by channel id."""

    ts: int
    channel_order: list[str]
    channel_labels: dict[str, str]
    channel_detail_labels: dict[str, str]
    channel_system_images: dict[str, str]
    channel_meta: list[ChannelMeta]
    channels: dict[str, JsonValue]
    channel_accounts: dict[str, list[ChannelAccountStatus]]
    channel_default_account_id: dict[str, str]


@method("channels.status", Scope.READ)
class ChannelsStatus(Call[ChannelStatuses]):
    """What is connected and how it is doing.

    Errors: `INVALID_REQUEST` when `channel` names none that is set up.
    """

    channel: Name | None = None
    """Only this one."""
    probe: bool = False
    """Ask the provider instead of answering from what is known."""
    timeout_ms: Annotated[int, Meta(ge=0, le=600_000)] | None = None


@method("message.action", Scope.WRITE)
class MessageAction(Call[JsonValue]):
    """Send, read, edit or react through a channel account.

    Errors: `UNAVAILABLE` when the channel is not set up.
    """

    channel: Name
    action: Name
    params: dict[str, JsonValue]
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=128)]
    account_id: Name | None = None
    agent_id: Name | None = None
