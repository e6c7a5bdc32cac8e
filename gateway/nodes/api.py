"""What operators do with nodes."""

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.nodes.approval import SurfaceApproval
from gateway.nodes.operator import OperatorInvokes
from gateway.nodes.registry import NodeRegistry
from protocol.methods.nodes import (
    NodeDescribe,
    NodeDescription,
    NodeInvoke,
    NodeInvoked,
    NodeList,
    NodeListResult,
    NodePairApprove,
    NodePairApproved,
    NodePairList,
    NodePairListResult,
    NodePairReject,
    NodePairRejected,
    NodePairRemove,
    NodePairRemoved,
    NodeRename,
    NodeRenamed,
)


class NodesApi:
    """`node.list` to `node.invoke`."""

    def __init__(
        self, registry: NodeRegistry, approval: SurfaceApproval, invokes: OperatorInvokes, clock: Clock
    ) -> None:
        self._registry = registry
        self._approval = approval
        self._invokes = invokes
        self._clock = clock

    @handles(NodeList)
    async def list_nodes(self, ctx: Ctx, _: NodeList) -> NodeListResult:
        """See `NodeList`."""
        active = self._registry.active
        return NodeListResult(
            ts=self._clock.now_ms(),
            nodes=await self._registry.rows(ctx.principal),
            active_node_id=active.node_id if active is not None else None,
        )

    @handles(NodeDescribe)
    async def describe(self, ctx: Ctx, call: NodeDescribe) -> NodeDescription:
        """See `NodeDescribe`."""
        row = await self._registry.row(call.node_id, ctx.principal)
        return NodeDescription(ts=self._clock.now_ms(), **msgspec.structs.asdict(row))

    @handles(NodeRename)
    async def rename(self, ctx: Ctx, call: NodeRename) -> NodeRenamed:
        """See `NodeRename`."""
        name = await self._approval.rename(ctx.principal, call.node_id, call.display_name)
        return NodeRenamed(node_id=call.node_id, display_name=name)

    @handles(NodePairList)
    async def list_surfaces(self, ctx: Ctx, _: NodePairList) -> NodePairListResult:
        """See `NodePairList`."""
        pending, paired = await self._approval.overview(ctx.principal)
        return NodePairListResult(pending=pending, paired=paired)

    @handles(NodePairApprove)
    async def approve(self, ctx: Ctx, call: NodePairApprove) -> NodePairApproved:
        """See `NodePairApprove`."""
        node = await self._approval.approve(ctx.principal, call.request_id)
        return NodePairApproved(request_id=call.request_id, node=node)

    @handles(NodePairReject)
    async def reject(self, ctx: Ctx, call: NodePairReject) -> NodePairRejected:
        """See `NodePairReject`."""
        node_id = await self._approval.reject(ctx.principal, call.request_id)
        return NodePairRejected(request_id=call.request_id, node_id=node_id)

    @handles(NodePairRemove)
    async def remove(self, ctx: Ctx, call: NodePairRemove) -> NodePairRemoved:
        """See `NodePairRemove`."""
        await self._approval.remove(ctx.principal, call.node_id)
        return NodePairRemoved(node_id=call.node_id)

    @handles(NodeInvoke)
    async def invoke(self, ctx: Ctx, call: NodeInvoke) -> NodeInvoked:
        """See `NodeInvoke`."""
        answer = await self._invokes.invoke(ctx.principal, call)
        return NodeInvoked(
            ok=True,
            node_id=call.node_id,
            command=call.command,
            payload=answer.payload,
            payload_json=answer.payload_json,
        )
