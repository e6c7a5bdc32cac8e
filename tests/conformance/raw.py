"""A peer that keeps no rules: WebSocket frames written byte by byte over a plain TCP connection.

Library clients refuse to send most of what a stranger may send, so here every byte is the test's own.
"""

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.wire import Json, connect_params

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA

TIMEOUT_S = 10.0
VANISHED = 1006
"""Stands for an end without a close frame, as in RFC 6455, section 7.4.1."""


def header(opcode: int, length: int, *, fin: bool = True, rsv: int = 0) -> bytes:
    """The start of a client's frame that announces `length` bytes, with an all-zero mask.

    A zero mask leaves the payload as it is, so that megabytes cost the test nothing.
    """
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    if length < 126:
        sized = struct.pack("!BB", first, 0x80 | length)
    elif length < 1 << 16:
        sized = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        sized = struct.pack("!BBQ", first, 0x80 | 127, length)
    return sized + bytes(4)


def frame(payload: bytes | str, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0) -> bytes:
    """One whole frame."""
    data = payload.encode() if isinstance(payload, str) else payload
    return header(opcode, len(data), fin=fin, rsv=rsv) + data


def request(request_id: str, method: str, params: object = None) -> str:
    """A request frame's text; `params` are left out when None."""
    message: Json = {"type": "req", "id": request_id, "method": method}
    if params is not None:
        message["params"] = params
    return json.dumps(message)


def upgrade(path: str = "/", headers: Mapping[str, str] | None = None) -> bytes:
    """The HTTP request that opens a WebSocket."""
    lines = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    text = (
        f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    )
    return text.encode()


@dataclass
class Closing:
    """How the gateway ended a connection."""

    code: int
    reason: str


class RawPeer:
    """One TCP connection to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an open connection; use `dial` or `open` instead."""
        self.reader = reader
        self.writer = writer
        self.response = ""
        """The gateway's HTTP answer to the upgrade, header lines included."""

    @classmethod
    async def dial(cls, port: int, *, buffer_bytes: int = 1 << 16) -> Self:
        """Connect and say nothing."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=buffer_bytes))

    @classmethod
    async def open(cls, port: int, *, path: str = "/", headers: Mapping[str, str] | None = None) -> Self:
        """Connect and upgrade; `response` then holds the answer."""
        peer = await cls.dial(port)
        peer.writer.write(upgrade(path, headers))
        async with asyncio.timeout(TIMEOUT_S):
            peer.response = (await peer.reader.readuntil(b"\r\n\r\n")).decode()
        return peer

    @classmethod
    async def admitted(cls, port: int, token: str, **overrides: object) -> Self:
        """Connect as the command line of this machine, up to and including `hello-ok`."""
        peer = await cls.open(port)
        await peer.enter(token, **overrides)
        return peer

    async def enter(self, token: str, **overrides: object) -> Json:
        """Take the challenge, connect without a device, and return the answer, which is `hello-ok`."""
        challenge = await self.receive()
        assert challenge["event"] == "connect.challenge"
        await self.send(frame(request("connect", "connect", connect_params(token, **overrides))))
        hello = await self.receive()
        assert hello["ok"], hello
        return hello

    async def send(self, data: bytes) -> None:
        """Write bytes; returns once the gateway's side may take more. A connection that ended is no error."""
        with contextlib.suppress(ConnectionError):  # what the gateway said before tells the end
            self.writer.write(data)
            await self.writer.drain()

    async def next_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the gateway's next frame.

        Raises:
            EOFError, ConnectionError: It ended without one.
        """
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        assert not second & 0x80, "a server must not mask"
        assert not first & 0x70, "no extension was negotiated"
        return first & 0xF, await self.reader.readexactly(length)

    async def receive(self, timeout_s: float = TIMEOUT_S) -> Json:
        """The next text frame as JSON; control frames are passed over."""
        async with asyncio.timeout(timeout_s):
            while True:
                opcode, payload = await self.next_frame()
                if opcode == TEXT:
                    return json.loads(payload)
                assert opcode != CLOSE, f"closed instead: {payload!r}"

    async def answer(self, request_id: str, timeout_s: float = TIMEOUT_S) -> Json:
        """The next response on `request_id`."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.receive(timeout_s)
                if message["type"] == "res" and message["id"] == request_id:
                    return message

    async def closing(self, timeout_s: float = TIMEOUT_S) -> tuple[Closing, list[Json]]:
        """How it ended, and every text frame that came before that."""
        said: list[Json] = []
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    opcode, payload = await self.next_frame()
                    if opcode == CLOSE:
                        (code,) = struct.unpack("!H", payload[:2])
                        return Closing(code, payload[2:].decode()), said
                    if opcode == TEXT:
                        said.append(json.loads(payload))
        except (EOFError, ConnectionError):
            return Closing(VANISHED, ""), said

    async def hang_up(self) -> None:
        """Drop the connection without a word."""
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):  # it may have ended already
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        """The connection is open already."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self.hang_up()
