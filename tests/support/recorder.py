"""A tap on the wire between any client and a gateway: bytes pass unchanged, WebSocket messages are kept.

The recorder forwards TCP bytes and reads a copy of them, so HTTP requests, upgrade headers, close codes and
timing are the client's and the gateway's own. A client is pointed at its `port` in place of the gateway's.

Source: RFC 6455 section 5 (framing). Extensions are not read: neither gateway negotiates compression.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeAlias, cast

Json: TypeAlias = dict[str, object]
# Any: what an event says is the business of the test that asks for it.
Payload: TypeAlias = dict[str, Any]

# A loaded machine: events follow their cause within milliseconds otherwise.
EVENT_TIMEOUT_S = 20.0

_CHUNK_BYTES = 65536
_TEXT, _CONTINUATION, _CLOSE = 0x1, 0x0, 0x8
_END_OF_HEAD = b"\r\n\r\n"


class Sender(StrEnum):
    """Who sent a frame."""

    CLIENT = "client"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Frame:
    """One protocol frame as it crossed the wire."""

    connection: int
    """Counts WebSocket connections through this recorder, from 1."""
    sender: Sender
    body: Json

    @property
    def kind(self) -> str:
        """`req`, `res` or `event`."""
        return str(self.body.get("type"))


@dataclass(slots=True)
class Connection:
    """One TCP connection: an HTTP exchange, or a WebSocket once the gateway answered 101."""

    number: int
    path: str = ""
    close_code: int | None = None
    """The code of the first close frame either side sent."""


@dataclass(slots=True)
class _Half:
    """Reads one direction of one connection."""

    sender: Sender
    buffer: bytearray = field(default_factory=bytearray)
    head: bytes = b""
    message: bytearray = field(default_factory=bytearray)

    def head_complete(self) -> bool:
        """Whether the HTTP head has arrived; moves it from the buffer to `head`."""
        if self.head:
            return True
        end = self.buffer.find(_END_OF_HEAD)
        if end < 0:
            return False
        self.head = bytes(self.buffer[:end])
        del self.buffer[: end + len(_END_OF_HEAD)]
        return True

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Every complete message or control frame now in the buffer, as (opcode, payload)."""
        while (frame := self._frame()) is not None:
            opcode, final, payload = frame
            if opcode not in {_TEXT, _CONTINUATION}:
                yield opcode, payload
                continue
            self.message += payload
            if final:
                yield _TEXT, bytes(self.message)
                self.message.clear()

    def _frame(self) -> tuple[int, bool, bytes] | None:
        data = self.buffer
        if len(data) < 2:
            return None
        length, at = data[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
        masked = bool(data[1] & 0x80)
        start = at + (4 if masked else 0)
        if len(data) < start + length:
            return None
        payload = bytes(data[start : start + length])
        if masked:
            payload = _unmask(payload, bytes(data[at : at + 4]))
        opcode, final = data[0] & 0x0F, bool(data[0] & 0x80)
        del data[: start + length]
        return opcode, final, payload


def _unmask(payload: bytes, key: bytes) -> bytes:
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


class Recorder:
    """Listens on its own port and records what passes to and from `upstream_port`.

    >>> async with Recorder(gateway.port) as recorder:
    ...     mark = recorder.mark()
    ...     ...                      # a client runs against recorder.port
    ...     recorder.since(mark)     # its frames, in order
    """

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.frames: list[Frame] = []
        self.connections: list[Connection] = []
        self.port = 0
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        """Start listening."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    def cut(self) -> None:
        """End every connection without a word, as a network does that goes away; new ones are taken."""
        for writer in list(self._open):
            writer.transport.abort()

    def mark(self) -> int:
        """A position to pass to `since`."""
        return len(self.frames)

    def since(self, mark: int) -> list[Frame]:
        """The frames recorded after `mark`, oldest first."""
        return self.frames[mark:]

    def methods(self, mark: int = 0) -> list[str]:
        """The methods clients called after `mark`, in order, `connect` left out."""
        called = (str(frame.body["method"]) for frame in self.since(mark) if frame.kind == "req")
        return [method for method in called if method != "connect"]

    def events(self, name: str, mark: int = 0) -> list[Payload]:
        """The payloads of the events called `name` that the gateway sent after `mark`."""
        return [
            cast("Payload", frame.body.get("payload"))
            for frame in self.since(mark)
            if frame.kind == "event" and frame.body.get("event") == name
        ]

    async def event(self, name: str, matches: Callable[[Payload], bool], mark: int = 0) -> Payload:
        """Wait for an event called `name` after `mark` whose payload `matches`, and return the payload.

        Raises:
            AssertionError: None came; the text holds those of that name that did.
        """
        try:
            async with asyncio.timeout(EVENT_TIMEOUT_S):
                while True:
                    for payload in self.events(name, mark):
                        if matches(payload):
                            return payload
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no such {name} event; last ones {self.events(name, mark)[-3:]}") from None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(len(self.connections) + 1)
        self.connections.append(connection)
        self._open.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except ConnectionError:
            # The gateway is being restarted: the client sees a reset, as it would without the recorder.
            writer.transport.abort()
            self._open.discard(writer)
            return
        self._open.add(up_writer)
        client, gateway = _Half(Sender.CLIENT), _Half(Sender.GATEWAY)
        await asyncio.gather(
            self._pump(connection, client, reader, up_writer),
            self._pump(connection, gateway, up_reader, writer),
        )
        self._open -= {writer, up_writer}

    async def _pump(
        self,
        connection: Connection,
        half: _Half,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                # Recorded before it is passed on: what a client reacts to is already in `frames`.
                self._note(connection, half, chunk)
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            # One side vanished; closing the other below is what the network would do.
            writer.transport.abort()
        writer.close()

    def _note(self, connection: Connection, half: _Half, chunk: bytes) -> None:
        half.buffer += chunk
        if not half.head_complete():
            return
        if half.sender is Sender.CLIENT and not connection.path:
            connection.path = half.head.split(b" ", 2)[1].decode()
        if not _speaks_websocket(half):
            half.buffer.clear()
            return
        for opcode, payload in half.messages():
            if opcode == _TEXT:
                self._keep(connection, half.sender, payload)
            elif opcode == _CLOSE and connection.close_code is None:
                connection.close_code = int.from_bytes(payload[:2], "big") if payload else 1005

    def _keep(self, connection: Connection, sender: Sender, payload: bytes) -> None:
        body: object = json.loads(payload)
        assert isinstance(body, dict), f"{sender} sent a frame that is not an object: {payload[:200]!r}"
        self.frames.append(Frame(connection.number, sender, cast("Json", body)))
        self._changed.set()


def _speaks_websocket(half: _Half) -> bool:
    if half.sender is Sender.GATEWAY:
        return half.head.split(b" ", 2)[1] == b"101"
    return b"upgrade: websocket" in half.head.lower()
