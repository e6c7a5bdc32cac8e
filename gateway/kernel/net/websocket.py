"""A WebSocket as callbacks: the sans-I/O core of `websockets` on an asyncio transport.

uvicorn parses the upgrade request and hands the transport over (its `ws=` class). Speaking to the transport
directly, instead of through ASGI messages, gives what ASGI cannot: a frame limit that changes after
authentication, a deadline on writes, aborting a peer that never reads, and no task switch per frame.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from protocol.limits import MAX_PREAUTH_BYTES

PING_INTERVAL_S: Final = 20.0
"""With the pong deadline a half-open peer is found within 40 s; reliability scenario R14 allows 45 s.
"""

PONG_DEADLINE_S: Final = 20.0

WRITE_DEADLINE_S: Final = 20.0
"""How long a peer may leave our bytes unread (R10 allows 30 s); OpenClaw has no such deadline.
"""

CLOSE_DEADLINE_S: Final = 5.0
"""How long the closing handshake may take before the transport is aborted."""

WRITE_HIGH_WATER_BYTES: Final = 256 * 1024
"""Above this the outbox queues on our side, where frames can still be merged, instead of in the transport."""

_quiet: Final = logging.getLogger("websockets.homarus")
_quiet.setLevel(logging.WARNING)


class Receiver(Protocol):
    """Who a socket talks to."""

    def on_open(self, socket: "Socket") -> None:
        """The upgrade is accepted; frames may be sent."""
        ...

    def on_text(self, data: bytes) -> None:
        """A complete text message."""
        ...

    def on_writable(self) -> None:
        """The transport drained after `writable` was false."""
        ...

    def on_closed(self, code: int, reason: str) -> None:
        """The connection is gone; called once."""
        ...


class Gate(Protocol):
    """Judges an upgrade before anything else happens."""

    def __call__(self, request: Request, transport: asyncio.Transport) -> Receiver | Response:
        """The receiver for this connection, or the HTTP response that refuses it."""
        ...


class Socket(asyncio.Protocol):
    """One server-side WebSocket connection."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._protocol = ServerProtocol(
            max_size=MAX_PREAUTH_BYTES, extensions=None, logger=_quiet
        )  # no extensions: compression would let small frames become large ones
        self._loop = asyncio.get_running_loop()
        self._receiver: Receiver | None = None
        self._fragments: list[bytes] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._transport: asyncio.Transport
        self.writable = True

    def set_max_bytes(self, limit: int) -> None:
        """Accept messages of up to `limit` bytes from now on."""
        self._protocol.max_message_size = limit

    @property
    def open(self) -> bool:
        """False once either side began to close."""
        return self._protocol.state is State.OPEN

    def send(self, data: bytes) -> None:
        """Write one text message; the caller watches `writable`. Does nothing on a closing connection."""
        try:
            self._protocol.send_text(data)
        except InvalidState:
            return
        self._flush()

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the transport is aborted when it takes too long."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, _close_reason(reason))
            self._flush()
        self._after("close", CLOSE_DEADLINE_S, self.abort)

    def abort(self) -> None:
        """Drop the connection now, including bytes the peer never read."""
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport from the HTTP parser."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Feed the parser and deliver what became complete."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._upgrade(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        if self._protocol.close_expected():
            self._after("close", CLOSE_DEADLINE_S, self.abort)

    def eof_received(self) -> None:
        """Treat the peer's half-close as a close."""
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the close code says it
        """Report the end once, with the code the peer or we gave."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            if self._protocol.state is not State.CLOSED:
                self._protocol.receive_eof()
            receiver.on_closed(self._protocol.close_code or 1006, self._protocol.close_reason or "")

    def pause_writing(self) -> None:
        """The peer reads slower than we write."""
        self.writable = False
        self._after("write", WRITE_DEADLINE_S, self.abort)

    def resume_writing(self) -> None:
        """The peer caught up."""
        self.writable = True
        self._cancel("write")
        if self._receiver is not None:
            self._receiver.on_writable()

    # Parsing

    def _upgrade(self, request: Request) -> None:
        verdict = self._gate(request, self._transport)
        response = verdict if isinstance(verdict, Response) else self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if isinstance(verdict, Response) or response.status_code != 101:
            self._after("close", CLOSE_DEADLINE_S, self.abort)
            return
        self._receiver = verdict
        self._schedule_ping()
        verdict.on_open(self)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            if frame.fin and not self._fragments:
                self._deliver(bytes(frame.data))
                return
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._fragments)
                self._fragments = []
                self._deliver(message)
        elif frame.opcode is Opcode.PONG:
            self._cancel("pong")
        elif frame.opcode is Opcode.BINARY:
            self.close(1003, "text frames only")

    def _deliver(self, message: bytes) -> None:
        if self._receiver is not None and self._protocol.state is State.OPEN:
            self._receiver.on_text(message)

    # Writing and deadlines

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:  # TLS cannot half-close
                self._transport.close()

    def _schedule_ping(self) -> None:
        self._after("ping", PING_INTERVAL_S, self._ping)

    def _ping(self) -> None:
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_ping(b"homarus")
        self._flush()
        if "pong" not in self._timers:
            self._after("pong", PONG_DEADLINE_S, self.abort)
        self._schedule_ping()

    def _after(self, name: str, delay_s: float, action: Callable[[], Any]) -> None:
        self._cancel(name)
        self._timers[name] = self._loop.call_later(delay_s, self._expire, name, action)

    def _expire(self, name: str, action: Callable[[], Any]) -> None:
        self._timers.pop(name, None)
        action()

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _close_reason(reason: str) -> str:
    """At most 123 bytes of UTF-8, the room a close frame has. Source: RFC 6455, section 5.5."""
    return reason.encode()[:123].decode(errors="ignore")
