"""Channel methods."""

from gateway.channels.service import ChannelRegistry
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from protocol.errors import JsonValue
from protocol.methods.channels import ChannelsStatus, ChannelStatuses, MessageAction


class ChannelsApi:
    """Answers for the registry."""

    def __init__(self, registry: ChannelRegistry) -> None:
        self._registry = registry

    @handles(ChannelsStatus)
    async def status(self, _: Ctx, call: ChannelsStatus) -> ChannelStatuses:
        """See `ChannelsStatus`."""
        return await self._registry.statuses(call.channel, probe=call.probe)

    @handles(MessageAction)
    async def act(self, ctx: Ctx, call: MessageAction) -> JsonValue:
        """See `MessageAction`."""
        return await self._registry.act(ctx.principal.actor, call)
