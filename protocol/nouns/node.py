"""Device nodes: what they are, what they offer, and what waits for them.

Source: OpenClaw docs/nodes/pairing-and-status.md (2026.9.6) and answers recorded from it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from protocol.method import Wire

NodeId = Annotated[str, Meta(min_length=1, max_length=128)]
"""The node's device id."""

CommandName = Annotated[str, Meta(min_length=1, max_length=128)]

ApprovalState = Literal["unapproved", "pending-approval", "pending-reapproval", "approved"]


class HostStats(Wire):
    """Load of the machine a node runs on, as it last reported it."""

    cpu_count: Annotated[int, Meta(ge=1, le=65_536)]
    memory_total_bytes: Annotated[int, Meta(ge=0)]
    memory_free_bytes: Annotated[int, Meta(ge=0)]
    load_average: Annotated[tuple[float, ...], Meta(max_length=3)] | None = None
    """Over 1, 5 and 15 minutes."""
    disk_total_bytes: Annotated[int, Meta(ge=0)] | None = None
    disk_available_bytes: Annotated[int, Meta(ge=0)] | None = None
    updated_at_ms: int | None = None
    """Set by the gateway."""


class McpToolRef(Wire):
    """A tool of an MCP server that runs beside a node."""

    server: Annotated[str, Meta(min_length=1, max_length=128)]
    tool: Annotated[str, Meta(min_length=1, max_length=128)]


class NodePluginTool(Wire):
    """A tool that a node lends to agents."""

    plugin_id: Annotated[str, Meta(min_length=1, max_length=128)]
    name: Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    description: Annotated[str, Meta(min_length=1, max_length=4096)]
    parameters: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """JSON Schema of its arguments."""
    command: CommandName | None = None
    """The node command that runs it."""
    mcp: McpToolRef | None = None


class NodeSkill(Wire):
    """A skill that lives on a node."""

    name: Annotated[str, Meta(pattern="^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")]
    description: Annotated[str, Meta(min_length=1, max_length=1024)]
    content: Annotated[str, Meta(min_length=1, max_length=65_536)]


class NodeProfile(Wire):
    """Which node it is, and a surface of it: capabilities, commands and permissions."""

    node_id: str
    client_id: str | None = None
    client_mode: str | None = None
    display_name: str | None = None
    """Its owner's name for it, else its own."""
    platform: str | None = None
    version: str | None = None
    device_family: str | None = None
    model_identifier: str | None = None
    remote_ip: str | None = None
    """Absent for nodes on the gateway's own machine."""
    caps: list[str]
    commands: list[str]
    permissions: dict[str, bool] | None = None


class NodeRow(NodeProfile):
    """One node: what is stored about it, and its connection when it has one.

    `caps` and `commands` are what it may be asked for now: claimed, approved and allowed by policy.
    """

    session_host: bool
    host_stats: HostStats | None = None
    node_plugin_tools: list[NodePluginTool]
    path_env: str | None = None
    approval_state: ApprovalState
    pending_request_id: str | None = None
    """This and the next three only for callers who may approve."""
    pending_declared_caps: list[str] | None = None
    pending_declared_commands: list[str] | None = None
    pending_declared_permissions: dict[str, bool] | None = None
    connected_at_ms: int | None = None
    last_connected_at_ms: int | None = None
    last_disconnected_at_ms: int | None = None
    last_seen_at_ms: int | None = None
    last_seen_reason: str | None = None
    last_active_at_ms: int | None = None
    presence_updated_at_ms: int | None = None
    approved_at_ms: int | None = None
    active: bool | None = None
    """True for the one node whose person was active last."""
    paired: bool
    connected: bool


class PairedNode(NodeProfile):
    """A node whose surface was approved."""

    created_at_ms: int
    approved_at_ms: int
    last_connected_at_ms: int | None = None
    last_seen_at_ms: int | None = None
    last_seen_reason: str | None = None


class NodePairRequest(NodeProfile):
    """A node that declares a surface nobody has approved yet; `commands` are those the policy allows."""

    request_id: str
    required_approve_scopes: list[str]
    silent: bool
    """True when the node's device was paired without a person."""
    ts: int


class NodeFailure(Wire):
    """Why a node could not do what it was asked to."""

    code: str | None = None
    message: str | None = None


class PendingAction(Wire):
    """A command kept for a node that could not run it in the background."""

    id: str
    command: str
    params_json: str | None = field(name="paramsJSON")
    enqueued_at_ms: int


PendingType = Literal["status.request", "location.request"]


class PendingItem(Wire):
    """A question kept for a sleeping node."""

    id: str
    type: PendingType
    priority: Literal["default", "normal", "high"]
    created_at_ms: int
    expires_at_ms: int | None


WorkState = Literal["queued", "delivered", "acknowledged", "done", "failed", "expired", "cancelled"]

WorkKind = Literal["work", "foreground"]
"""Submitted as work, or a `node.invoke` that a phone could not do in the background."""


class NodeWork(Wire):
    """Durable work for a node, with its receipts.

    A time is set when that step was reached. What a node gives back because its app is in the background
    is `queued` again, and no more acknowledged.
    """

    id: str
    kind: WorkKind = "work"
    node_id: str | None
    """Null while the router waits for a node that can do it."""
    command: str
    params_json: str | None = field(name="paramsJSON")
    """Null in lists and events; `node.work.get` has them."""
    state: WorkState
    created_at_ms: int
    expires_at_ms: int
    delivered_at_ms: int | None = None
    """When it was last handed to the node."""
    deliveries: int = 0
    acknowledged_at_ms: int | None = None
    """When the node said that it has it."""
    ended_at_ms: int | None = None
    payload_json: str | None = field(default=None, name="payloadJSON")
    """Left out of lists and events. Not whole when `reason` says so."""
    error: NodeFailure | None = None
    reason: str | None = None
    """Why it waits, or why it ended without a result."""
