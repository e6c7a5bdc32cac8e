"""`node.pending.*`: what waits for a node, fetched and acknowledged by it."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.nodes.questions import NodeQuestions
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.work_reports import WorkReports
from protocol.methods.node_work import (
    NodePendingAck,
    NodePendingAcked,
    NodePendingDrain,
    NodePendingDrained,
    NodePendingEnqueue,
    NodePendingPull,
    NodePendingPulled,
    NodePendingQueued,
)


class NodePendingApi:
    """The pending queues."""

    def __init__(self, registry: NodeRegistry, reports: WorkReports, questions: NodeQuestions) -> None:
        self._registry = registry
        self._reports = reports
        self._questions = questions

    @handles(NodePendingPull)
    async def pull(self, ctx: Ctx, _: NodePendingPull) -> NodePendingPulled:
        """See `NodePendingPull`."""
        live = await self._registry.of(ctx.principal)
        return NodePendingPulled(node_id=live.node_id, actions=await self._reports.pull(live))

    @handles(NodePendingAck)
    async def acknowledge(self, ctx: Ctx, call: NodePendingAck) -> NodePendingAcked:
        """See `NodePendingAck`."""
        live = await self._registry.of(ctx.principal)
        done = await self._reports.acknowledge(live, call.ids)
        return NodePendingAcked(node_id=live.node_id, acked_ids=done.ids, remaining_count=done.remaining)

    @handles(NodePendingEnqueue)
    async def enqueue(self, _: Ctx, call: NodePendingEnqueue) -> NodePendingQueued:
        """See `NodePendingEnqueue`."""
        return await self._questions.enqueue(call)

    @handles(NodePendingDrain)
    async def drain(self, ctx: Ctx, call: NodePendingDrain) -> NodePendingDrained:
        """See `NodePendingDrain`."""
        live = await self._registry.of(ctx.principal)
        return await self._questions.drain(live.node_id, call.max_items)
