"""What operators do with nodes: look, approve, name, ask.

Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md (2026.9.6) and recorded answers.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, field

from protocol.errors import JsonValue
from protocol.method import Call, Wire, method
from protocol.nouns.node import CommandName, NodeId, NodePairRequest, NodeRow, PairedNode
from protocol.scopes import Scope

RequestId = Annotated[str, Meta(min_length=1, max_length=128)]

MAX_INVOKE_TIMEOUT_MS = 24 * 3_600_000
"""A command that runs longer than a day is a service of its own."""


class NodeListResult(Wire):
    """Every known node, connected ones first, then by name."""

    ts: int
    nodes: list[NodeRow]
    active_node_id: str | None = None


@method("node.list", Scope.READ)
class NodeList(Call[NodeListResult]):
    """Every node that was paired or is connected."""


class NodeDescription(NodeRow):
    """One node as of `ts`."""

    ts: int


@method("node.describe", Scope.READ)
class NodeDescribe(Call[NodeDescription]):
    """One node.

    Errors: `INVALID_REQUEST` "unknown nodeId".
    """

    node_id: NodeId


class NodeRenamed(Wire):
    """The name as stored."""

    node_id: str
    display_name: str


@method("node.rename", Scope.PAIRING)
class NodeRename(Call[NodeRenamed]):
    """Give a node its owner's name for it.

    Errors: `INVALID_REQUEST` "unknown nodeId", a blank name, or another device's when the caller is a device
    and no admin.
    """

    node_id: NodeId
    display_name: Annotated[str, Meta(min_length=1, max_length=128)]


class NodePairListResult(Wire):
    """Surfaces that wait for an approval, and approved ones, newest first."""

    pending: list[NodePairRequest]
    paired: list[PairedNode]


@method("node.pair.list", Scope.PAIRING)
class NodePairList(Call[NodePairListResult]):
    """Surfaces of nodes, waiting and approved."""


class NodePairApproved(Wire):
    """The node as approved."""

    request_id: str
    node: PairedNode


@method("node.pair.approve", Scope.PAIRING)
class NodePairApprove(Call[NodePairApproved]):
    """Let a node be asked for what it declared. It counts at once, without a reconnect.

    Errors: `INVALID_REQUEST` "unknown requestId", or another device's when the caller is a device and no
    admin; `FORBIDDEN` (`MISSING_SCOPE`) when the caller lacks one of the request's `requiredApproveScopes`.
    """

    request_id: RequestId


class NodePairRejected(Wire):
    """Whose surface was turned down."""

    request_id: str
    node_id: str


@method("node.pair.reject", Scope.PAIRING)
class NodePairReject(Call[NodePairRejected]):
    """Turn a surface down; what was approved before stays.

    Errors: as `node.pair.approve`.
    """

    request_id: RequestId


class NodePairRemoved(Wire):
    """Whose approval is gone."""

    node_id: str


@method("node.pair.remove", Scope.PAIRING)
class NodePairRemove(Call[NodePairRemoved]):
    """Withdraw everything from a node and forget its device; its connection closes within a second.

    Errors: `INVALID_REQUEST` "unknown nodeId"; `FORBIDDEN` (`MISSING_SCOPE`) when the caller is a device and
    no admin.
    """

    node_id: NodeId


class NodeInvoked(Wire):
    """What the node answered."""

    ok: bool
    node_id: str
    command: str
    payload: msgspec.Raw
    """JSON, passed on as it came."""
    payload_json: str | None = field(name="payloadJSON")
    """The payload as the node wrote it; null when it sent it decoded."""


@method("node.invoke", Scope.WRITE)
class NodeInvoke(Call[NodeInvoked]):
    """Ask a node to do something and wait for its answer.

    Administrative commands (`fs.listDir`, `browser.proxy`, `terminal.upload`) need `operator.admin`.

    Errors: `INVALID_REQUEST` when the command is not allowed, not declared or not approved
    (`details.reason`); `UNAVAILABLE` with `details.code` `NOT_CONNECTED`, `TIMEOUT`, `DISCONNECTED`,
    `PAIRING_CHANGED`, `POLICY_CHANGED`, `ANSWER_UNREADABLE` or `QUEUED_UNTIL_FOREGROUND`; `UNAVAILABLE` with
    `details.nodeError` when the node itself failed.
    """

    node_id: NodeId
    command: CommandName
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    timeout_ms: Annotated[int, Meta(ge=0, le=MAX_INVOKE_TIMEOUT_MS)] | None = None
    """How long to wait; 30 s unless given, and for 0 as long as is possible."""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=128)]
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None


@method("exec.approvals.node.get", Scope.ADMIN)
class ExecApprovalsNodeGet(Call[dict[str, JsonValue]]):
    """What a node runs without asking, as the node keeps it: `{path, exists, hash, file}`.

    Errors: as `node.invoke`.
    """

    node_id: NodeId


@method("exec.approvals.node.set", Scope.ADMIN)
class ExecApprovalsNodeSet(Call[dict[str, JsonValue]]):
    """Replace those rules; the result is as they are now.

    Errors: as `node.invoke`; the node refuses a `base_hash` that is not that of its present rules.
    """

    node_id: NodeId
    file: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    base_hash: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    native: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """Rules of a companion app that has a form of its own."""
