"""Things that happen on the node, on their way to the gateway."""

import logging
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from device_node.link import Link, LinkDown
from device_node.supervisor import Supervisor
from device_node.text import printable
from protocol.errors import GatewayError, Unavailable
from protocol.methods.canvas import NodePluginSurfaceRefresh
from protocol.methods.node_reports import NodeEvent

MAX_WAITING: Final = 256
"""Events that wait for a connection; the oldest give way."""

logger = logging.getLogger(__name__)


class NodeEvents:
    """Sends events in order, over the connection of now or the next one."""

    def __init__(self, tasks: Supervisor) -> None:
        self._tasks = tasks
        self._waiting: deque[NodeEvent] = deque(maxlen=MAX_WAITING)
        self._link: Link | None = None
        self._sending = False

    def emit(self, name: str, payload: object) -> None:
        """Report an event of section `node.event`; `payload` is a struct or plain JSON value."""
        self._waiting.append(NodeEvent(event=name, payload_json=msgspec.json.encode(payload).decode()))
        self._start()

    async def send(self, name: str, payload: object) -> None:
        """As `emit`, in the form in which providers want it."""
        self.emit(name, payload)

    async def deliver(self, name: str, payload: Mapping[str, object]) -> None:
        """Report an event now and return once the gateway has taken it.

        Raises:
            LinkDown: there is no connection, or it ended meanwhile.
            GatewayError: the gateway refuses the event or does not know it.
        """
        if self._link is None:
            raise LinkDown("this device is not connected to its gateway")
        event = NodeEvent(event=name, payload_json=msgspec.json.encode(payload).decode())
        answer = await self._link.call(event)
        if answer.handled is False:
            raise Unavailable(f"the gateway did not take {name}: {answer.reason or 'no reason given'}")

    async def canvas_url(self) -> str:
        """A fresh address below which the gateway serves what a canvas shows.

        Raises:
            LinkDown: there is no connection, or it ended meanwhile.
            GatewayError: it serves nothing of the kind to this node.
        """
        if self._link is None:
            raise LinkDown("this device is not connected to its gateway")
        answer = await self._link.call(NodePluginSurfaceRefresh(surface="canvas"))
        url = answer.plugin_surface_urls.get("canvas")
        if url is None:
            raise Unavailable("the gateway serves no canvas")
        return url

    def begin(self, link: Link) -> None:
        """A connection is up."""
        self._link = link
        self._start()

    def end(self) -> None:
        """It is gone; what comes now waits."""
        self._link = None

    def _start(self) -> None:
        if self._link is not None and self._waiting and not self._sending:
            self._sending = True
            self._tasks.spawn("send events", self._send())

    async def _send(self) -> None:
        try:
            while self._waiting and self._link is not None:
                event = self._waiting.popleft()
                try:
                    await self._link.call(event)
                except LinkDown:
                    self._waiting.appendleft(event)
                    return
                except GatewayError as error:
                    logger.info("%s was not taken: %s", event.event, printable(error.message))
        finally:
            self._sending = False
