"""The tools of this node's MCP servers, told to the gateway so that its agents can call them."""

import logging
from collections.abc import Awaitable, Callable

from device_node.link import Link, LinkDown
from device_node.service import persistently
from device_node.supervisor import Supervisor
from device_node.text import printable
from protocol.errors import GatewayError
from protocol.methods.node_reports import NodePluginToolsUpdate
from protocol.nouns.node import NodePluginTool

logger = logging.getLogger(__name__)


class Lending:
    """Tells each connection once, and again when the settings change."""

    def __init__(self, tools: Callable[[], Awaitable[list[NodePluginTool]]], tasks: Supervisor) -> None:
        """`tools` looks for what there is to lend; it may start programs."""
        self._tools = tools
        self._tasks = tasks
        self._link: Link | None = None
        self._told = False

    def begin(self, link: Link) -> None:
        """This node may speak over a connection."""
        self._link, self._told = link, False
        self.refresh()

    def refresh(self) -> None:
        """Tell what there is now; a gateway that never heard of any tools is not told that there are none."""
        if self._link is not None and not self._link.ended:
            self._tasks.spawn("lend tools", self._tell(self._link))

    async def _tell(self, link: Link) -> None:
        tools = await self._tools()
        if link is not self._link or not (tools or self._told):
            return
        try:
            kept = await persistently(lambda: link.call(NodePluginToolsUpdate(tools=tools)))
        except LinkDown:
            return  # the next connection is told
        except GatewayError as error:
            logger.warning("the gateway does not take this node's tools: %s", printable(error.message))
            return
        self._told = True
        logger.info("%d of %d tools are lent", len(kept.tools), len(tools))
