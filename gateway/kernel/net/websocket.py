"""A WebSocket as callbacks: the sans-I/O core of `websockets` on an asyncio transport.

uvicorn parses the upgrade request and hands the transport over (its `ws=` class). Speaking to the transport
directly, instead of through ASGI messages, gives what ASGI cannot: a frame limit that changes after
authentication, a deadline on writes, aborting a peer that never reads, and no task switch per frame.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from protocol.limits import MAX_PREAUTH_BYTES, MAX_PREAUTH_FRAMES

PING_INTERVAL_S: Final = 20.0
"""With the pong deadline a half-open peer is found within 40 s; reliability scenario R14 allows 45 s.
"""

PONG_DEADLINE_S: Final = 20.0

SLOW: Final = "slow consumer: what was sent is not read"

WRITE_DEADLINE_S: Final = 20.0
"""How long a peer may leave our bytes unread (R10 allows 30 s); OpenClaw has no such deadline.
"""

LEAST_READ_BYTES: Final = 16 * 1024
"""What a peer must read in a quarter of the write deadline to be slow and not gone: 3 KB/s, the worst a phone
has, while one who takes 1 KB/s (R9) only holds memory.
"""

CLOSE_DEADLINE_S: Final = 5.0
"""How long the closing handshake may take before the transport is aborted."""

FLUSH_BYTES: Final = 64 * 1024
"""Frames of one turn of the loop are written together, up to this; one system call costs as much as ten
frames.
"""

WRITE_HIGH_WATER_BYTES: Final = 256 * 1024
"""Above this the outbox queues on our side, where frames can still be merged, instead of in the transport."""


class Patience(NamedTuple):
    """What a peer's bytes may cost before it is the others' turn."""

    slice_bytes: int
    """How much is parsed before looking at the clock; tiny frames cost some 10 us each."""
    turn_s: float
    """How long the event loop is kept."""
    frames: float
    """How many frames are taken in at all, control frames and fragments included."""


STRANGER: Final = Patience(512, 0.001, MAX_PREAUTH_FRAMES)
"""There may be hundreds of them, and a client needs a single frame."""

KNOWN: Final = Patience(4096, 0.005, math.inf)

_quiet: Final = logging.getLogger("websockets.homarus")
_quiet.setLevel(logging.CRITICAL)  # its errors are what peers did, with their words in tracebacks


class Receiver(Protocol):
    """Who a socket talks to."""

    def on_open(self, socket: "Socket") -> None:
        """The upgrade is accepted; frames may be sent."""
        ...

    def on_unknown(self, size: int) -> None:
        """A stranger's frame is incomplete; `size` bytes of it are here. Called again when it has grown."""
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
        self._fragments = bytearray()  # not a list: an empty fragment must cost nothing
        self._patience = STRANGER
        self._frames = 0
        self._unknown_bytes = 0
        self._unparsed = memoryview(b"")
        self._turn: asyncio.Handle | None = None
        self._ending = (1006, "")
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unsent_bytes = 0
        self._unread_bytes = 0
        self._stuck_since_s = 0.0
        self._flushing: asyncio.Handle | None = None
        self._transport: asyncio.Transport
        self.writable = True

    def set_max_bytes(self, limit: int) -> None:
        """The peer is no stranger any more: accept messages of `limit` bytes, in any number of frames."""
        self._protocol.max_message_size = limit
        self._patience = KNOWN

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
        self._unsent_bytes += len(data)
        if self._unsent_bytes >= FLUSH_BYTES:
            self._flush()
        elif self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the transport is aborted when it takes too long."""
        if self._protocol.state is State.OPEN:
            self._ending = (code, reason)
            self._protocol.send_close(code, _close_reason(reason))
            self._flush()
        self._end_soon()

    def drop(self) -> None:
        """Close the transport as soon as everything written is out, whatever the peer answers."""
        self._flush()
        self._transport.close()

    def abort(self, code: int = 1006, reason: str = "") -> None:
        """Drop the connection now, including bytes the peer never read; code and reason are for our side."""
        if self._ending[0] == 1006:
            self._ending = (code, reason)
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport from the HTTP parser."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Feed the parser and deliver what became complete."""
        if "pong" in self._timers:  # these bytes say as much, and a long frame has no place for a pong
            self._cancel("pong")
        self._unparsed = memoryview(data)
        self._parse()

    def eof_received(self) -> None:
        """Treat the peer's half-close as a close."""
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the close code says it
        """Report the end once, with the code the peer gave, else the one we gave."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._flushing is not None:
            self._flushing.cancel()
        self._unparsed = memoryview(b"")
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            if self._protocol.state is not State.CLOSED:
                self._protocol.receive_eof()
            said = self._protocol.close_rcvd
            code, words = (said.code, said.reason) if said is not None else self._ending
            receiver.on_closed(code, words)

    def pause_writing(self) -> None:
        """The peer reads slower than we write: until it caught up, nothing more is read from it either."""
        self.writable = False
        self._transport.pause_reading()
        self._cancel("pong")  # it will not be read now
        self._stuck_since_s = self._loop.time()
        self._unread_bytes = self._transport.get_write_buffer_size()
        self._after("write", WRITE_DEADLINE_S / 4, self._check_reader)

    def resume_writing(self) -> None:
        """The peer caught up."""
        self.writable = True
        self._cancel("write")
        if self._receiver is not None:
            self._receiver.on_writable()
        self._parse_soon()

    # Parsing

    def _parse(self) -> None:
        """Take bytes in for one turn, and go on in another one if that was not all."""
        self._turn = None
        patience = self._patience
        turn_ends_s = self._loop.time() + patience.turn_s
        while self._unparsed and self.writable and self._loop.time() < turn_ends_s:
            piece = bytes(self._unparsed[: patience.slice_bytes])
            self._unparsed = self._unparsed[patience.slice_bytes :]
            self._feed(piece)
        if self._patience is STRANGER:
            self._tell_unknown()
        if self._unparsed and self.writable:
            self._transport.pause_reading()
            self._parse_soon()
        elif self.writable:
            self._transport.resume_reading()

    def _tell_unknown(self) -> None:
        size = len(self._protocol.reader.buffer) + len(self._fragments)
        if self._receiver is not None and size != self._unknown_bytes:
            self._unknown_bytes = size
            self._receiver.on_unknown(size)

    def _parse_soon(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_soon(self._parse)

    def _feed(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._upgrade(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        if self._protocol.handshake_exc is not None:  # not an upgrade after all
            self.drop()
        elif self._protocol.close_expected():
            self._end_soon()

    def _upgrade(self, request: Request) -> None:
        verdict = self._gate(request, self._transport)
        response = verdict if isinstance(verdict, Response) else self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if isinstance(verdict, Response) or response.status_code != 101:
            self.drop()
            return
        self._receiver = verdict
        self._schedule_ping()
        verdict.on_open(self)

    def _frame(self, frame: Frame) -> None:
        self._frames += 1
        if self._frames > self._patience.frames:
            self._unparsed = memoryview(b"")
            self.close(1008, "too many frames before hello-ok")
            self.drop()  # its answer would come after many more frames
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            if frame.fin and not self._fragments:
                self._deliver(bytes(frame.data))
                return
            self._fragments += frame.data
            if frame.fin:
                message = bytes(self._fragments)
                self._fragments.clear()
                self._deliver(message)
        elif frame.opcode is Opcode.PONG:
            self._cancel("pong")
        elif frame.opcode is Opcode.BINARY:
            self.close(1003, "text frames only")

    def _deliver(self, message: bytes) -> None:
        if self._receiver is None or self._protocol.state is not State.OPEN:
            return
        if _is_text(message):
            self._receiver.on_text(message)
        else:
            self.close(1007, "text is not UTF-8")

    # Writing and deadlines

    def _flush(self) -> None:
        """Hand what waits to the transport in one piece: frames of one turn share a system call."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._unsent_bytes = 0
        pieces = self._protocol.data_to_send()
        data = b"".join(pieces)
        if data:
            self._transport.write(data)
        if pieces and not pieces[-1]:  # how the protocol says that nothing more follows
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:  # TLS cannot half-close
                self._transport.close()

    def _end_soon(self) -> None:
        if "close" not in self._timers:  # or whatever still arrives would put it off for ever
            self._after("close", CLOSE_DEADLINE_S, self.abort)

    def _check_reader(self) -> None:
        """Tell a peer that takes a large answer over a bad line from one that reads no more."""
        now_s, unread = self._loop.time(), self._transport.get_write_buffer_size()
        if self._unread_bytes - unread >= LEAST_READ_BYTES:
            self._unread_bytes, self._stuck_since_s = unread, now_s
        elif now_s - self._stuck_since_s >= WRITE_DEADLINE_S:
            self.abort(1008, SLOW)
            return
        self._after("write", WRITE_DEADLINE_S / 4, self._check_reader)

    def _schedule_ping(self) -> None:
        self._after("ping", PING_INTERVAL_S, self._ping)

    def _ping(self) -> None:
        if self._protocol.state is not State.OPEN:
            return
        self._schedule_ping()
        if not self.writable:  # a ping would wait behind what is unread; that has a deadline of its own
            return
        self._protocol.send_ping(b"homarus")
        self._flush()
        if "pong" not in self._timers:
            self._after("pong", PONG_DEADLINE_S, self.abort)

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


def _is_text(message: bytes) -> bool:
    """Whether a message is UTF-8. Parts of it may be passed on unparsed, and others would hang up on us."""
    if message.isascii():
        return True
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def _close_reason(reason: str) -> str:
    """At most 123 bytes of UTF-8, the room a close frame has. Source: RFC 6455, section 5.5."""
    return reason.encode()[:123].decode(errors="ignore")
