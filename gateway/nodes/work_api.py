"""`node.work.*` and `node.route`: what operators ask of work and of the router."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.nodes.candidates import NodeChooser
from gateway.nodes.work_service import NodeWorks
from protocol.errors import InvalidRequest
from protocol.methods.node_route import NodeRoute, NodeRouted
from protocol.methods.node_work import (
    NodeWorkCancel,
    NodeWorkGet,
    NodeWorkList,
    NodeWorkPage,
    NodeWorkSubmit,
)
from protocol.nouns.node import NodeWork


class NodeWorkApi:
    """Durable work for nodes."""

    def __init__(self, works: NodeWorks, chooser: NodeChooser) -> None:
        self._works = works
        self._chooser = chooser

    @handles(NodeWorkSubmit)
    async def submit(self, ctx: Ctx, call: NodeWorkSubmit) -> NodeWork:
        """See `NodeWorkSubmit`."""
        return (await self._works.submit(ctx.principal, call)).noun(whole=True)

    @handles(NodeWorkList)
    async def list_work(self, _: Ctx, call: NodeWorkList) -> NodeWorkPage:
        """See `NodeWorkList`."""
        return await self._works.page(call)

    @handles(NodeWorkGet)
    async def get(self, _: Ctx, call: NodeWorkGet) -> NodeWork:
        """See `NodeWorkGet`."""
        return (await self._works.get(call.id)).noun(whole=True)

    @handles(NodeWorkCancel)
    async def cancel(self, _: Ctx, call: NodeWorkCancel) -> NodeWork:
        """See `NodeWorkCancel`."""
        return (await self._works.cancel(call.id)).noun(whole=True)

    @handles(NodeRoute)
    async def route(self, _: Ctx, call: NodeRoute) -> NodeRouted:
        """See `NodeRoute`."""
        if call.command is not None and call.capability is None:
            return await self._chooser.for_command(call.command, prefer=call.prefer, fallback=call.fallback)
        if call.capability is not None and call.command is None:
            return await self._chooser.for_capability(
                call.capability, prefer=call.prefer, fallback=call.fallback
            )
        raise InvalidRequest("command: give either a command or a capability", {"field": "command"})
