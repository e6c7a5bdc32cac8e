"""A model provider that misbehaves on the wire: refuses, breaks off, falls silent, or answers nonsense.

It speaks HTTP by hand, because a web framework would not let it break the rules, and it notices when the
other side hangs up.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

Json: TypeAlias = dict[str, Any]

Behaviour: TypeAlias = Callable[["Exchange"], Any]


@dataclass
class Exchange:
    """One request and the way to answer it."""

    body: Json
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: str = "200 OK", kind: str = "text/event-stream", extra: str = "") -> None:
        """Status line and headers; the body ends with the connection."""
        await self.send(
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{extra}Connection: close\r\n\r\n".encode()
        )

    async def words(self, words: Sequence[str]) -> None:
        """Pieces of an answer, in the OpenAI shape."""
        for word in words:
            await self.chunk({"content": word})

    async def chunk(self, delta: Json, finish: str | None = None, usage: Json | None = None) -> None:
        """One server-sent event."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event: Json = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "odd",
            "choices": [choice],
        }
        if usage is not None:
            event |= {"choices": [], "usage": usage}
        await self.send(f"data: {json.dumps(event)}\n\n".encode())

    async def done(self, usage: Json | None = None) -> None:
        """The end of a proper answer."""
        await self.chunk({}, "stop")
        if usage is not None:
            await self.chunk({}, usage=usage)
        await self.send(b"data: [DONE]\n\n")


@dataclass
class OddProvider:
    """Listens while its context is open; request n gets behaviour n, all later ones get the last."""

    behaviours: list[Behaviour]
    requests: list[Json] = field(default_factory=list[Json])
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes a connection that is being answered."""

    @property
    def base_url(self) -> str:
        """What goes into the settings."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            body: Json = json.loads(await reader.readexactly(length) or b"{}")
            self.requests.append(body)
            behave = self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]
            exchange = Exchange(body, reader, writer)
            answering = asyncio.ensure_future(behave(exchange))
            watching = asyncio.ensure_future(reader.read(1))
            await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.hung_up.set()
                answering.cancel()
            watching.cancel()
            await asyncio.gather(answering, watching, return_exceptions=True)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()


async def answer(exchange: Exchange) -> None:
    """A proper short answer with usage."""
    await exchange.head()
    await exchange.words(["All ", "is ", "well."])
    await exchange.done({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110})


async def answer_uncounted(exchange: Exchange) -> None:
    """A proper answer without usage, as some local servers give."""
    await exchange.head()
    await exchange.words(["Nobody ", "counts."])
    await exchange.done()


async def answer_nothing(exchange: Exchange) -> None:
    """A proper answer without a word."""
    await exchange.head()
    await exchange.done()


async def drop(exchange: Exchange) -> None:
    """Hangs up without an answer."""
    exchange.writer.transport.abort()


async def break_off(exchange: Exchange) -> None:
    """Hangs up in the middle of a sentence."""
    await exchange.head(extra="Transfer-Encoding: chunked\r\n")
    choice = {"index": 0, "delta": {"content": "Half "}, "finish_reason": None}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "odd", "choices": [choice]}
    data = f"data: {json.dumps(event)}\n\n".encode()
    await exchange.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    exchange.writer.transport.abort()


async def nonsense(exchange: Exchange) -> None:
    """Answers with a web page."""
    await exchange.head(kind="text/html")
    await exchange.send(b"<html>Welcome to the captive portal</html>")


async def garbled(exchange: Exchange) -> None:
    """Answers with an event that is no JSON."""
    await exchange.head()
    await exchange.send(b"data: {this is not json}\n\ndata: [DONE]\n\n")


async def alien(exchange: Exchange) -> None:
    """Answers with JSON of another kind."""
    await exchange.head()
    await exchange.send(b'data: {"choices": "none", "usage": []}\n\ndata: [DONE]\n\n')


async def silence(exchange: Exchange) -> None:
    """Takes the request and says nothing, for ever."""
    await asyncio.Event().wait()


async def endless(exchange: Exchange) -> None:
    """Talks for ever."""
    await exchange.head()
    while True:
        await exchange.words(["word "])
        await asyncio.sleep(0.01)


def refuse(
    status: str, message: str = "no", *, kind: str = "", retry_after: float | None = None
) -> Behaviour:
    """Answers with an HTTP error, in the OpenAI shape."""

    async def behave(exchange: Exchange) -> None:
        extra = "" if retry_after is None else f"Retry-After: {retry_after:g}\r\n"
        await exchange.head(status, "application/json", extra)
        await exchange.send(
            json.dumps({"error": {"message": message, "type": kind, "code": kind or None}}).encode()
        )

    return behave
