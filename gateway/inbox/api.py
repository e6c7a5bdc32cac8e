"""The inbox over RPC."""

from gateway.inbox.service import Inbox
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from protocol.methods.inbox import InboxList, InboxPage


class InboxApi:
    """Lists received messages."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @handles(InboxList)
    async def list_messages(self, _ctx: Ctx, call: InboxList) -> InboxPage:
        """One page."""
        return await self._inbox.page(call)
