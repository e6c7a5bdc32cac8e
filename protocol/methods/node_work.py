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
    """Keep a question for a node until it asks for its work.

    Errors: `INVALID_REQUEST` "unknown nodeId".
    """

    node_id: NodeId
    type: PendingType
    priority: Literal["normal", "high"] = "normal"
    expires_in_ms: Annotated[int, Meta(ge=1000, le=86_400_000)] | None = None
    wake: bool = True


class NodePendingDrained(Wire):
    """What a node is asked for; ends with the standing `baseline-status` question."""

    node_id: str
    revision: int
    items: list[PendingItem]
    has_more: bool


@method("node.pending.drain", None, roles=_NODE)
class NodePendingDrain(Call[NodePendingDrained]):
    """The questions that wait for the calling node; they stay until acknowledged or expired."""

    max_items: Annotated[int, Meta(ge=1, le=MAX_PENDING_ITEMS)] = 4


class NodePendingPulled(Wire):
    """Actions that wait for the calling node to come to the foreground, oldest first."""

    node_id: str
    actions: list[PendingAction]


@method("node.pending.pull", None, roles=_NODE)
class NodePendingPull(Call[NodePendingPulled]):
    """What the calling node could not do in the background, and what was kept while it slept."""


class NodePendingAcked(Wire):
    """What is off the calling node's list now, and how much is left."""

    node_id: str
    acked_ids: list[str]
    remaining_count: int


@method("node.pending.ack", None, roles=_NODE)
class NodePendingAck(Call[NodePendingAcked]):
    """The node has these; unknown ids are passed over."""

    ids: Annotated[list[WorkId], Meta(min_length=1, max_length=256)]


@method("node.work.submit", Scope.WRITE, additive=True)
class NodeWorkSubmit(Call[NodeWork], forbid_unknown_fields=True):
    """Keep a command for a node, asleep or not, until it has done it or it expires.

    It is on disk when this answers, survives a restart, and is done at most once however often it has to be
    delivered. The same key from the same caller is the same work.

    Errors: as `node.invoke` for what the node may not be asked; `UNAVAILABLE` (retryable) when too much
    waits.
    """

    node_id: NodeId
    command: CommandName
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=128)]
    expires_in_ms: Annotated[int, Meta(ge=1000, le=7 * 86_400_000)] = 86_400_000


class NodeWorkPage(Wire):
    """Work, newest first."""

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
