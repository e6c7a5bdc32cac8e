"""What waits for a node that sleeps: OpenClaw's pending queues, and our durable work with receipts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.node import (
    CommandName,
    NodeId,
    NodeWork,
    PendingAction,
    PendingItem,
    PendingType,
    WorkState,
)
from protocol.scopes import Role, Scope

_NODE = frozenset({Role.NODE})

WorkId = Annotated[str, Meta(min_length=1, max_length=128)]

NodeChoice = Annotated[tuple[NodeId, ...], Meta(max_length=32)]

MAX_PENDING_ITEMS = 10
"""Items of one `node.pending.drain`. Source: OpenClaw's schema."""


class NodePendingQueued(Wire):
    """The question as kept, and whether the node was woken for it."""

    node_id: str
    revision: int
    queued: PendingItem
    wake_triggered: bool


@method("node.pending.enqueue", Scope.WRITE)
class NodePendingEnqueue(Call[NodePendingQueued]):
    """Keep a question for a node until it asks for its work. One of each type waits; it is not doubled.

    Errors: `INVALID_REQUEST` "unknown nodeId".
    """

    node_id: NodeId
    type: PendingType
    priority: Literal["normal", "high"] = "normal"
    expires_in_ms: Annotated[int, Meta(ge=1000, le=86_400_000)] | None = None
    wake: bool = True


class NodePendingDrained(Wire):
    """What a node is asked for, most urgent first.

    It ends with the standing `baseline-status` question unless a status was asked for already.
    """

    node_id: str
    revision: int
    items: list[PendingItem]
    has_more: bool


@method("node.pending.drain", None, roles=_NODE)
class NodePendingDrain(Call[NodePendingDrained]):
    """Take the questions that wait for the calling node; each is handed out once."""

    max_items: Annotated[int, Meta(ge=1, le=MAX_PENDING_ITEMS)] = 4


class NodePendingPulled(Wire):
    """Actions that wait for the calling node to come to the foreground, oldest first."""

    node_id: str
    actions: list[PendingAction]


@method("node.pending.pull", None, roles=_NODE)
class NodePendingPull(Call[NodePendingPulled]):
    """What waits for the calling node until it says that it has it.

    That is what it could not do in the background; and, for nodes that announce the capability `work-ledger`,
    all durable work they have not acknowledged.
    """


class NodePendingAcked(Wire):
    """What is off the calling node's list now, and how much is left."""

    node_id: str
    acked_ids: list[str]
    remaining_count: int


@method("node.pending.ack", None, roles=_NODE)
class NodePendingAck(Call[NodePendingAcked]):
    """The node has these; ids that were never handed to it are passed over.

    A node with the capability `work-ledger` has them on its disk and reports each result later. From any
    other it means, as at OpenClaw, that what it pulled is done.
    """

    ids: Annotated[list[WorkId], Meta(min_length=1, max_length=256)]


@method("node.work.submit", Scope.WRITE, additive=True)
class NodeWorkSubmit(Call[NodeWork], forbid_unknown_fields=True):
    """Keep a command for a node, asleep or not, until it has done it or it expires.

    It is on disk when this answers, survives a restart, and is done at most once however often it has to be
    delivered. The same key from the same caller is the same work. Without `node_id` the router hands it to
    the best node that can do it, now or when one is there; see `node.route`.

    Errors: as `node.invoke` for what the node may not be asked; `INVALID_REQUEST` (`NO_NODE`) when no node
    could ever do it; `INVALID_REQUEST` (`CONFLICT`) when the key stands for other work; `UNAVAILABLE`
    (retryable) when too much waits.
    """

    node_id: NodeId | None = None
    command: CommandName
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """At most 64 KiB."""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=128)]
    expires_in_ms: Annotated[int, Meta(ge=1000, le=7 * 86_400_000)] = 86_400_000
    prefer: NodeChoice = ()
    """Without `node_id`: nodes to take first, in this order."""
    fallback: NodeChoice = ()
    """Without `node_id`: nodes to take only when no other can, in this order."""


class NodeWorkPage(Wire):
    """Work, newest first, without parameters and results."""

    items: list[NodeWork]
    next_cursor: str | None = None


@method("node.work.list", Scope.READ, additive=True)
class NodeWorkList(Call[NodeWorkPage], forbid_unknown_fields=True):
    """Work for nodes with its receipts.

    Errors: `INVALID_REQUEST` when the cursor is not one of this list.
    """

    node_id: NodeId | None = None
    state: WorkState | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(min_length=1, max_length=512)] | None = None


@method("node.work.get", Scope.READ, additive=True)
class NodeWorkGet(Call[NodeWork], forbid_unknown_fields=True):
    """One piece of work.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`).
    """

    id: WorkId


@method("node.work.cancel", Scope.WRITE, additive=True)
class NodeWorkCancel(Call[NodeWork], forbid_unknown_fields=True):
    """Take work back; what the node has already begun it may still finish, and its result is then kept.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`), or (`CONFLICT`) when it has ended.
    """

    id: WorkId
