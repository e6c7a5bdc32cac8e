"""What goes on over a connection: commands, waiting work, events and signs of life."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from device_node.events import NodeEvents
from device_node.heartbeat import alive, beat
from device_node.link import Link, LinkDown
from device_node.pending import PendingWork
from device_node.status import NodeStatus, SurfaceState
from device_node.supervisor import Supervisor
from device_node.text import printable
from device_node.workshop import Workshop
from protocol.errors import GatewayError
from protocol.events.connection import Shutdown
from protocol.events.nodes import NodeInvokeCancel, NodeInvokeRequest, NodePairResolved
from protocol.methods.node_reports import NodeRunnerInventoryUpdate
from protocol.peer import Happened, RemoteError

SURFACE_STEP: Final = (
    "on the gateway's machine run `homarus nodes pending` and `homarus nodes approve ID`"
    " (OpenClaw: `openclaw nodes ...`)"
)

CHANGED_RETRIES: Final = 5
CHANGED_PAUSE_S: Final = 0.3
"""OpenClaw answers `PAIRING_CHANGED` while it still notes a connect; it is done within a second."""

R = TypeVar("R")

logger = logging.getLogger(__name__)


class Service:
    """One node's side of the conversation, over one connection after the other."""

    def __init__(
        self,
        *,
        status: NodeStatus,
        workshop: Workshop,
        pending: PendingWork,
        events: NodeEvents,
        tasks: Supervisor,
        lend: Callable[[Link], None] = lambda _: None,
    ) -> None:
        """`lend` is called when this node may speak, to tell what tools it has."""
        self._status = status
        self._workshop = workshop
        self._pending = pending
        self._events = events
        self._tasks = tasks
        self._lend = lend
        self._link: Link | None = None
        self._beat: asyncio.Task[Any] | None = None

    def begin(self, link: Link) -> None:
        """A connection is up."""
        self._link = link
        self._status.surface = "unknown"
        self._workshop.begin(link, self._gateway)
        self._tasks.spawn("ask about the surface", self._open(link))

    def end(self) -> None:
        """It is gone."""
        self._link = None
        self._status.surface = "unknown"
        self._workshop.end()
        self._events.end()
        if self._beat is not None:
            self._beat.cancel()

    def fetch(self) -> None:
        """Fetch what waits at the gateway: after each connect, and when the device wakes up."""
        if self._link is not None:
            self._tasks.spawn("fetch waiting work", self._pending.fetch(self._link, self._gateway))

    def heard(self, happened: Happened) -> None:
        """Take one event."""
        match happened.payload:
            case NodeInvokeRequest() as request:
                self._workshop.requested(request)
            case NodeInvokeCancel() as cancel:
                self._workshop.cancelled(cancel.invoke_id)
            case NodePairResolved() as resolved if resolved.node_id == self._status.device_id:
                self._decided(resolved)
            case Shutdown() as shutdown:
                logger.info("the gateway stops: %s", printable(shutdown.reason))
            case _:
                return

    @property
    def _gateway(self) -> str:
        return self._status.gateway or ""

    def _decided(self, resolved: NodePairResolved) -> None:
        logger.info("what this node offers was %s", resolved.decision)
        if resolved.decision != "approved":
            self._wait_for_approval()
        elif self._link is not None:
            self._status.surface, self._status.next_step = "approved", None
            self._start(self._link)

    async def _open(self, link: Link) -> None:
        """Find out whether this node may be asked for what it offers, and whether it may speak.

        An inventory is taken from approved node hosts only. OpenClaw takes none from phones, and nothing at
        all from a node before its first approval.
        """
        try:
            state = await self._surface(link)
            speaks = state == "approved" or await self._may_speak(link)
        except LinkDown:
            return  # the next connection asks again
        if self._status.surface != "unknown":
            return  # a person decided while this asked
        self._status.surface = state if speaks else "waiting"
        if self._status.surface == "waiting":
            self._wait_for_approval()
        if speaks:
            self._start(link)

    async def _surface(self, link: Link) -> SurfaceState:
        try:
            await persistently(lambda: link.call(NodeRunnerInventoryUpdate(protocol_features=())))
        except LinkDown:
            raise
        except GatewayError as error:
            logger.debug("the inventory was not taken: %s", error.message)
            waits = isinstance(error, RemoteError) and error.wire_code == "UNAVAILABLE"
            return "waiting" if waits else "unknown"
        return "approved"

    async def _may_speak(self, link: Link) -> bool:
        try:
            await persistently(lambda: link.call(alive()))
        except LinkDown:
            raise
        except GatewayError as error:
            logger.debug("the node may not speak: %s", error.message)
            return not (isinstance(error, RemoteError) and _is_changing(error))
        return True

    def _start(self, link: Link) -> None:
        if link.ended or link is not self._link:
            return
        if self._beat is not None:
            self._beat.cancel()
        self._beat = self._tasks.spawn("heartbeat", beat(link))
        self._events.begin(link)
        self._lend(link)
        self._tasks.spawn("report finished work", self._workshop.report_again(link))
        self.fetch()

    def _wait_for_approval(self) -> None:
        self._status.surface = "waiting"
        self._status.next_step = SURFACE_STEP
        logger.warning("what this node offers is not approved yet; %s", SURFACE_STEP)


async def persistently(call: Callable[[], Awaitable[R]]) -> R:
    """Make a call, and again while the gateway has not yet finished to note this connection.

    Raises:
        GatewayError: as the call, when it goes on saying so.
    """
    for _ in range(CHANGED_RETRIES):
        try:
            return await call()
        except RemoteError as error:
            if not _is_changing(error):
                raise
            await asyncio.sleep(CHANGED_PAUSE_S)
    return await call()


def _is_changing(error: RemoteError) -> bool:
    return error.details.get("code") == "PAIRING_CHANGED"
