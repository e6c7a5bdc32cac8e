"""What a node says: results, progress, events, and the tools and skills it lends.

Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md (2026.9.6) and recorded frames.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, field

from protocol.method import Call, Wire, method
from protocol.nouns.node import NodeFailure, NodeId, NodePluginTool, NodeSkill
from protocol.scopes import Role

_NODE = frozenset({Role.NODE})

InvokeId = Annotated[str, Meta(min_length=1, max_length=128)]

MAX_CHUNK_CHARS = 16_384
"""One progress frame or one piece of input. Source: OpenClaw's schema."""


class NodeReportTaken(Wire):
    """The report was read; `ignored` when nobody waits for it any more."""

    ok: bool
    ignored: bool | None = None


@method("node.invoke.result", None, roles=_NODE)
class NodeInvokeResult(Call[NodeReportTaken]):
    """The outcome of a command. A late one, or one for an unknown id, is ignored.

    Errors: `INVALID_REQUEST` "nodeId mismatch" for another node's.
    """

    id: InvokeId
    node_id: NodeId
    ok: bool
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload_json: str | None = field(default=None, name="payloadJSON")
    error: NodeFailure | None = None


@method("node.invoke.progress", None, roles=_NODE)
class NodeInvokeProgress(Call[NodeReportTaken]):
    """A piece of a command's output; pieces may arrive out of order.

    Errors: `INVALID_REQUEST` "nodeId mismatch" for another node's.
    """

    invoke_id: InvokeId
    node_id: NodeId
    seq: Annotated[int, Meta(ge=0)]
    chunk: Annotated[str, Meta(max_length=MAX_CHUNK_CHARS)]


class NodeEventTaken(Wire):
    """What became of an event."""

    ok: bool
    event: str | None = None
    handled: bool | None = None
    reason: str | None = None
    run_id: str | None = None
    """Homarus only: the run that answers a sentence or request; `chat` and `agent` events name it too."""
    session_key: str | None = None
    """Homarus only: the conversation it went to."""


@method("node.event", None, roles=_NODE)
class NodeEvent(Call[NodeEventTaken]):
    """Something happened on the node. An unknown event is answered `handled: false`.

    Errors: `INVALID_REQUEST` naming the field of a known event that is wrong; `UNAVAILABLE`
    (`PAIRING_CHANGED`, retryable) when the node's approval changed meanwhile.
    """

    event: Annotated[str, Meta(min_length=1, max_length=128)]
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload_json: str | None = field(default=None, name="payloadJSON")


class NodeToolsKept(Wire):
    """The tools the gateway took."""

    node_id: str
    tools: list[NodePluginTool]


@method("node.pluginTools.update", None, roles=_NODE)
class NodePluginToolsUpdate(Call[NodeToolsKept]):
    """Replace the tools this node lends; those whose command is not approved are left out."""

    tools: Annotated[list[NodePluginTool], Meta(max_length=256)]


class NodeSkillsKept(Wire):
    """The skills the gateway took."""

    node_id: str
    skills: list[NodeSkill]


@method("node.skills.update", None, roles=_NODE)
class NodeSkillsUpdate(Call[NodeSkillsKept]):
    """Replace the skills this node lends.

    Errors: `INVALID_REQUEST` when they are more than 512 KiB together.
    """

    skills: Annotated[list[NodeSkill], Meta(max_length=64)]


class NodeNamed(Wire):
    """Which node was heard."""

    node_id: str


@method("node.runnerInventory.update", None, roles=_NODE)
class NodeRunnerInventoryUpdate(Call[NodeNamed]):
    """Which workers this node could host.

    Errors: `UNAVAILABLE` while the node's surface waits for an approval; the message says which.
    """

    protocol_features: Annotated[tuple[str, ...], Meta(max_length=64)]
    worker_host: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
