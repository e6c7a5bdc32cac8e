"""One connection to a gateway, from `hello-ok` to its end: calls out, events in, a watch for silence."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from device_node.failure import Denied
from device_node.text import printable
from protocol.connect import ConnectParams, HelloOk
from protocol.errors import GatewayError, Unavailable
from protocol.handshake import ClientHandshake
from protocol.limits import HANDSHAKE_TIMEOUT_MS, REQUEST_TIMEOUT_MS
from protocol.method import Call
from protocol.peer import Answered, ClientPeer, Happened
from protocol.signature import DeviceIdentity

R = TypeVar("R")

ABNORMAL: Final = 1006
"""Stands for an end without a close frame. Source: RFC 6455, section 7.4.1."""

logger = logging.getLogger(__name__)


class LinkDown(Unavailable):
    """The connection ended before the answer came; after the next one the call may be made again."""

    retryable = True


class Ending(msgspec.Struct, frozen=True):
    """How a connection ended."""

    code: int
    reason: str
    silent: bool = False
    """True when nothing came for so long that the line must be dead."""

    def __str__(self) -> str:
        if self.silent:
            return "the gateway has fallen silent"
        said = f" {printable(self.reason, 120)}" if self.reason else ""
        return f"the gateway closed the connection ({self.code}{said})"


class Link:
    """An admitted connection. `run` reads until it ends; `call` may be used from any task meanwhile."""

    def __init__(self, socket: ClientConnection, hello: HelloOk) -> None:
        self._socket = socket
        self._peer = ClientPeer(_now_ms(), hello.policy.tick_interval_ms)
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._silent = False
        self._ended = False
        self.hello = hello

    @classmethod
    async def admitted(
        cls, socket: ClientConnection, params: ConnectParams, identity: DeviceIdentity
    ) -> "Link":
        """Shake hands over a fresh WebSocket.

        Raises:
            ConnectRefused: the gateway said no.
            Denied: what answers is no gateway.
            LinkDown: it hung up or said nothing in time.
        """
        handshake = ClientHandshake(params, identity)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_MS / 1000):
                while True:
                    answer = handshake.receive(await socket.recv(decode=False))
                    if isinstance(answer, bytes):
                        await socket.send(answer, text=True)
                    elif answer is not None:
                        return cls(socket, answer)
        except TimeoutError as error:
            raise LinkDown("the gateway does not finish the handshake") from error
        except ConnectionClosed as error:
            raise LinkDown(str(_ending(error))) from error
        except GatewayError as error:
            raise Denied(
                f"what answers is no gateway: {printable(error.message)}", "check the gateway's address"
            ) from error

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._ended

    async def call(self, call: Call[R], timeout_ms: int = REQUEST_TIMEOUT_MS) -> R:
        """Make a declared call and wait for its result.

        Raises:
            RemoteError: the gateway answered with an error.
            TimedOut: it did not answer in time.
            InvalidRequest: it answered something that was not agreed.
            LinkDown: the connection ended first.
        """
        if self._ended:
            raise LinkDown("the connection to the gateway has ended")
        loop = asyncio.get_running_loop()
        pending, frame = self._peer.request(call, _now_ms(), timeout_ms)
        answer: asyncio.Future[R] = loop.create_future()
        self._answers[pending.id] = answer
        timer = loop.call_later((timeout_ms + 1) / 1000, self._expire)
        try:
            await self._socket.send(frame, text=True)
            return await answer
        except ConnectionClosed as error:
            raise LinkDown(str(_ending(error))) from error
        finally:
            timer.cancel()
            self._answers.pop(pending.id, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # when sending failed nobody else has looked at it

    async def run(self, heard: Callable[[Happened], None]) -> Ending:
        """Read until the connection ends, and hand every event to `heard`; events come in order."""
        self._rewatch()
        try:
            while True:
                self._take(await self._socket.recv(decode=False), heard)
        except ConnectionClosed as error:
            return msgspec.structs.replace(_ending(error), silent=self._silent)
        finally:
            self._end()

    async def hang_up(self, reason: str) -> None:
        """Close in order; `run` then returns."""
        await self._socket.close(1000, reason)

    def _take(self, data: bytes, heard: Callable[[Happened], None]) -> None:
        try:
            item = self._peer.receive(data, _now_ms())
        except GatewayError as error:
            # One frame that this release does not understand is no reason to leave.
            logger.warning("ignoring what the gateway sent: %s", printable(error.message, 300))
            return
        if isinstance(item, Answered):
            self._settle(item)
        elif item is not None:
            heard(item)

    def _settle(self, item: Answered) -> None:
        answer = self._answers.get(item.request.id)
        if answer is None or answer.done():
            return
        if item.error is not None:
            answer.set_exception(item.error)
        else:
            answer.set_result(item.value)

    def _expire(self) -> None:
        for late in list(self._peer.expire(_now_ms())):
            self._settle(late)

    def _watch(self) -> None:
        self._expire()  # also the requests whose callers gave up
        if self._peer.silent(_now_ms()):
            self._silent = True
            self._socket.transport.abort()  # a dead line answers no close frame
            return
        self._rewatch()

    def _rewatch(self) -> None:
        patience_s = max(self._peer.next_deadline_ms() + 1 - _now_ms(), 1) / 1000
        self._timer = asyncio.get_running_loop().call_later(patience_s, self._watch)

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LinkDown("the connection to the gateway ended before its answer"))


def _ending(error: ConnectionClosed) -> Ending:
    close = error.rcvd
    return Ending(ABNORMAL, "") if close is None else Ending(int(close.code), close.reason)


def _now_ms() -> int:
    """Milliseconds of the monotonic clock, which is what deadlines need."""
    return int(time.monotonic() * 1000)
