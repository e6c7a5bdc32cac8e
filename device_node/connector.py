"""Keeps the node connected: dials, is let in, serves, and comes back after every kind of end."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec

from device_node.destination import Destination
from device_node.dial import dialled
from device_node.failure import NodeError
from device_node.link import Link, LinkDown
from device_node.refusals import Advice, judge
from device_node.retry import Backoff
from device_node.status import NodeStatus
from device_node.tokens import TokenStore
from protocol.connect import ConnectAuth, ConnectParams
from protocol.handshake import ConnectRefused
from protocol.peer import Happened
from protocol.signature import DeviceIdentity

SETTLED_S: Final = 5.0
"""A connection that lasted so long was a success; one that ends sooner must not be tried ever faster."""

logger = logging.getLogger(__name__)


class Session(msgspec.Struct, frozen=True):
    """What happens over a connection: `begin` when it is up, `heard` for events, `end` when it is gone."""

    begin: Callable[[Link], None]
    heard: Callable[[Happened], None]
    end: Callable[[], None]


class Connector:
    """One node's way to its gateway. `run` never ends by itself."""

    def __init__(
        self,
        *,
        identity: DeviceIdentity,
        tokens: TokenStore,
        destination: Callable[[], Destination],
        params: Callable[[ConnectAuth | None], ConnectParams],
        session: Session,
        status: NodeStatus,
        backoff: Backoff | None = None,
    ) -> None:
        self._identity = identity
        self._tokens = tokens
        self._destination = destination
        self._params = params
        self._session = session
        self._status = status
        self._backoff = backoff or Backoff()
        self._wake = asyncio.Event()
        self._awake = asyncio.Event()
        self._awake.set()
        self._link: Link | None = None
        self._leaving = False

    async def run(self) -> None:
        """Connect again and again, with growing pauses while it fails."""
        while True:
            if not self._awake.is_set():
                self._status.state = "asleep"
                await self._awake.wait()
            self._status.state = "connecting"
            self._status.retry_in_s = None
            pause_s = await self._attempt()
            await self._pause(self._backoff.next_s() if pause_s is None else pause_s)

    async def reconnect(self, reason: str) -> None:
        """Leave in order and come back at once, or stop waiting for the next attempt."""
        self._wake.set()
        if self._link is not None:
            await self._link.hang_up(reason)

    async def sleep(self) -> None:
        """Leave and stay away until `rouse`."""
        self._awake.clear()
        await self.reconnect("going to sleep")

    def rouse(self) -> None:
        """Come back from `sleep`."""
        self._awake.set()
        self._wake.set()

    async def close(self) -> None:
        """Leave in order, for good."""
        self._leaving = True
        self._awake.clear()
        if self._link is not None:
            await self._link.hang_up("node stops")

    async def _attempt(self) -> float | None:
        """One connection from dialling to its end; how long to pause, None for the usual."""
        self._wake.clear()
        try:
            target = self._destination()
        except NodeError as error:
            return self._failed(error.what, error.next_step)
        self._status.gateway = str(target.address)
        try:
            async with dialled(target.address, target.fingerprint) as socket:
                params = self._params(target.credential.auth())
                link = await Link.admitted(socket, params, self._identity)
                return await self._serve(link, target)
        except ConnectRefused as refused:
            return self._refused(judge(refused, target.credential.kind), str(target.address))
        except NodeError as error:
            return self._failed(error.what, error.next_step)
        except LinkDown as error:
            return self._failed(error.message, "it tries again by itself")

    async def _serve(self, link: Link, target: Destination) -> float | None:
        self._tokens.take(str(target.address), link.hello.auth)
        if self._wake.is_set():
            return 0.0  # the settings changed meanwhile, or the device went to sleep
        status = self._status
        status.state = "connected"
        status.gateway_version = link.hello.server.version
        status.connected_since_ms = int(time.time() * 1000)
        status.last_error = status.next_step = None
        logger.info("connected to %s", target.address)
        self._link = link
        started_s = time.monotonic()
        self._session.begin(link)
        try:
            ending = await link.run(self._session.heard)
        finally:
            self._link = None
            status.connected_since_ms = None
            self._session.end()
        if time.monotonic() - started_s > SETTLED_S:
            self._backoff.reset()
        if self._wake.is_set() or self._leaving:
            return 0.0
        return self._failed(str(ending), "it connects again by itself")

    def _refused(self, advice: Advice, gateway: str) -> float | None:
        dropped = advice.drop_device_token and self._tokens.drop(gateway)
        pause_s = self._failed(advice.what, advice.next_step)
        if advice.waits_for_approval:
            self._status.state = "waiting for approval"
        return pause_s if advice.drop_device_token and not dropped else advice.pause_s

    def _failed(self, what: str, next_step: str) -> None:
        """Note why there is no connection; a person is told once, not at every attempt."""
        status = self._status
        status.state = "not connected"
        if status.last_error != what:
            logger.warning("%s; %s", what, next_step)
        status.last_error, status.next_step = what, next_step

    async def _pause(self, pause_s: float) -> None:
        self._status.retry_in_s = round(pause_s, 1)
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return
