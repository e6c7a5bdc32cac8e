"""What nodes are asked, and what operators hear about them.

Source: events recorded from OpenClaw 2026.9.6.
"""

from typing import Literal

from msgspec import field

from protocol.method import Event, event
from protocol.nouns.node import HostStats, NodePairRequest, NodeWork
from protocol.scopes import BOTH, Role, Scope

_NODE = frozenset({Role.NODE})


@event("node.invoke.request", None, roles=_NODE, sequenced=False)
class NodeInvokeRequest(Event):
    """Do something; answer with `node.invoke.result`."""

    id: str
    node_id: str
    command: str
    params_json: str | None = field(default=None, name="paramsJSON")
    timeout_ms: int | None = None
    """What is left of the caller's patience."""
    idempotency_key: str | None = None
    session_key: str | None = None


@event("node.invoke.cancel", None, roles=_NODE, sequenced=False)
class NodeInvokeCancel(Event):
    """Stop what was asked for; nobody waits for it any more."""

    invoke_id: str
    node_id: str


@event("node.invoke.input", None, roles=_NODE, sequenced=False)
class NodeInvokeInput(Event):
    """A piece of input for a command that takes some."""

    id: str
    node_id: str
    seq: int
    payload_json: str = field(name="payloadJSON")


@event("node.pair.requested", Scope.PAIRING)
class NodePairRequested(NodePairRequest, Event):
    """A node declares a surface that waits for an approval."""


@event("node.pair.resolved", Scope.PAIRING, roles=BOTH)
class NodePairResolved(Event):
    """A surface was decided on, or its node removed; the node itself hears it too."""

    request_id: str
    node_id: str
    decision: Literal["approved", "rejected", "removed"]
    ts: int


@event("node.hostStats", Scope.READ)
class NodeHostStats(Event):
    """A node reported the load of its machine."""

    node_id: str
    host_stats: HostStats


@event("node.presence", Scope.READ)
class NodePresence(Event):
    """A person was active on a node."""

    node_id: str
    last_active_at_ms: int | None = None
    presence_updated_at_ms: int | None = None


@event("node.runnerInventory.changed", Scope.READ)
class NodeRunnerInventoryChanged(Event):
    """A node can host other workers than before."""

    node_id: str


@event("node.work", Scope.READ)
class NodeWorkChanged(NodeWork, Event):
    """Homarus only: durable work reached its next step; without parameters and result."""
