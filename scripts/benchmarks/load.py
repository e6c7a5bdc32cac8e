"""A client made for load: so little work per frame that the gateway is what is measured."""

import asyncio
import json
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, cast

from websockets.asyncio.client import ClientConnection, connect

Json = dict[str, Any]


class RawConnection(ClientConnection):
    """A connection whose bytes can be taken before anything is done with them."""

    sink: Callable[[bytes], None] | None = None

    def data_received(self, data: bytes) -> None:
        """Give the bytes to the sink while there is one, or parse as usual."""
        if self.sink is None:
            super().data_received(data)
        else:
            self.sink(data)

    def stamp_into(self, arrivals: list[float]) -> None:
        """Note when the next bytes arrive, and drop them: parsing them would delay the stamps of others."""

        def stamp(_: bytes) -> None:
            arrivals.append(time.perf_counter())
            self.sink = None

        self.sink = stamp


class Pipeline:
    """Keeps a number of requests unanswered on one connection until all have been answered.

    A WebSocket library costs more per frame than the gateway does, and would be what is measured.
    """

    def __init__(self, socket: RawConnection, request: Callable[[int], str], count: int, depth: int) -> None:
        self._socket = socket
        self._request = request
        self._count = count
        self._depth = depth
        self._sent = 0
        self._answered = 0
        self._buffer = bytearray()
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> float:
        """Seconds until the last answer."""
        self._socket.sink = self._received
        started = time.perf_counter()
        try:
            self._send()
            await self._done
        finally:
            self._socket.sink = None
        return time.perf_counter() - started

    def _send(self) -> None:
        last = min(self._count, self._answered + self._depth)
        frames = [client_frame(self._request(number).encode()) for number in range(self._sent, last)]
        self._sent = last
        self._socket.transport.write(b"".join(frames))

    def _received(self, data: bytes) -> None:
        try:
            self._buffer += data
            for payload in taken_frames(self._buffer):
                self._answered += is_answer(payload)
            if self._answered < self._count:
                self._send()
            elif not self._done.done():
                self._done.set_result(None)
        except Exception as error:  # noqa: BLE001 - raised where the figure is waited for
            if not self._done.done():
                self._done.set_exception(error)


class PingPong:
    """One request after the other; how long each takes. Like `Pipeline`, without a library in between."""

    def __init__(self, socket: RawConnection, request: Callable[[int], str], count: int) -> None:
        self._socket = socket
        self._request = request
        self._count = count
        self._buffer = bytearray()
        self._sent_s = 0.0
        self._latencies_s: list[float] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> list[float]:
        """Seconds to each answer."""
        self._socket.sink = self._received
        try:
            self._send()
            await self._done
        finally:
            self._socket.sink = None
        return self._latencies_s

    def _send(self) -> None:
        frame = client_frame(self._request(len(self._latencies_s)).encode())
        self._sent_s = time.perf_counter()
        self._socket.transport.write(frame)

    def _received(self, data: bytes) -> None:
        now_s = time.perf_counter()
        try:
            self._buffer += data
            for payload in taken_frames(self._buffer):
                if is_answer(payload):
                    self._latencies_s.append(now_s - self._sent_s)
                    self._next()
        except Exception as error:  # noqa: BLE001 - raised where the figure is waited for
            if not self._done.done():
                self._done.set_exception(error)

    def _next(self) -> None:
        if len(self._latencies_s) < self._count:
            self._send()
        elif not self._done.done():
            self._done.set_result(None)


def client_frame(payload: bytes) -> bytes:
    """A text frame whose mask is zero, which leaves the payload as it is. Source: RFC 6455, section 5.2."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return b"\x81" + length + bytes(4) + payload


def taken_frames(buffer: bytearray) -> Iterator[bytes]:
    """Take the beginnings of the complete text frames off `buffer`; answers tell themselves by those."""
    at = 0
    while len(buffer) - at >= 2:
        size, start = buffer[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(buffer[start : start + width]), start + width
        if len(buffer) < start + size:
            break
        if buffer[at] == 0x81:
            yield bytes(buffer[start : start + min(size, 200)])
        at = start + size
    del buffer[:at]


class LoadClient:
    """One admitted operator connection."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self.socket: RawConnection
        self.handshake_s = 0.0
        """From opening the TCP connection to `hello-ok`."""

    async def __aenter__(self) -> Self:
        started = time.perf_counter()
        self.socket = await open_socket(self._url)
        await self.socket.recv()
        await self.socket.send(json.dumps(_connect(self._token)))
        hello = json.loads(await self.socket.recv())
        self.handshake_s = time.perf_counter() - started
        expect_ok(hello)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.transport.abort()

    async def call(self, method: str, params: Json) -> Json:
        """One request, ignoring events that come between."""
        await self.socket.send(json.dumps({"type": "req", "id": "one", "method": method, "params": params}))
        while True:
            frame = json.loads(await self.socket.recv())
            if frame["type"] == "res" and frame["id"] == "one":
                expect_ok(frame)
                return frame["payload"]

    async def pipeline(self, request: Callable[[int], str], count: int, depth: int) -> float:
        """Send `count` requests with up to `depth` unanswered; answers per second."""
        return count / await Pipeline(self.socket, request, count, depth).run()

    async def steady(
        self, method: str, params: Callable[[int, str], Json], count: int, per_second: int
    ) -> list[float]:
        """Send `count` requests at a steady rate; milliseconds to the first answer of each.

        `params` gets the request's number and its id.
        """
        sent: dict[str, float] = {}
        latencies: list[float] = []

        async def receive() -> None:
            while len(latencies) < count:
                received = await self.socket.recv()
                if not is_answer(received):
                    continue
                request_id = json.loads(received)["id"]
                if request_id in sent:  # else a second answer
                    latencies.append((time.perf_counter() - sent.pop(request_id)) * 1000)

        async with asyncio.TaskGroup() as group:
            group.create_task(receive())
            begin = time.perf_counter()
            for number in range(count):
                await asyncio.sleep(max(0.0, begin + number / per_second - time.perf_counter()))
                request_id = str(uuid.uuid4())
                frame = {"type": "req", "id": request_id, "method": method}
                text = json.dumps({**frame, "params": params(number, request_id)})
                sent[request_id] = time.perf_counter()
                await self.socket.send(text)
        return latencies


def request_of(method: str, params: Json) -> Callable[[int], str]:
    """Makes the frames of one method without encoding the parameters again."""
    head = f'{{"type":"req","method":{json.dumps(method)},"params":{json.dumps(params)},"id":"'
    return lambda number: f'{head}{number}"}}'


def is_answer(frame: str | bytes) -> bool:
    """Whether a frame is a response, without parsing it: events begin with their own type.

    Raises:
        RuntimeError: for a refusal, which comes faster than an answer and would make a fine figure.
    """
    head = frame[:200]
    text = head if isinstance(head, str) else head.decode("utf-8", "replace")
    if '"event"' in text[:40]:
        return False
    if '"ok":false' in text:
        raise RuntimeError(f"refused: {text}")
    return True


async def open_socket(url: str) -> RawConnection:
    """A WebSocket that offers no compression and takes frames of any size."""
    socket = await connect(
        url, compression=None, max_size=None, user_agent_header=None, create_connection=RawConnection
    )
    return cast("RawConnection", socket)


async def open_clients(url: str, token: str, count: int) -> list[LoadClient]:
    """Many connections, a few at a time."""
    clients = [LoadClient(url, token) for _ in range(count)]
    for start in range(0, count, 20):
        await asyncio.gather(*(client.__aenter__() for client in clients[start : start + 20]))
    return clients


def close_clients(clients: list[LoadClient]) -> None:
    """Drop them."""
    for client in clients:
        client.socket.transport.abort()


def expect_ok(frame: Json) -> None:
    """Stop the benchmark at a refused request: its figure would mean nothing.

    Raises:
        RuntimeError: with the whole response.
    """
    if not frame.get("ok"):
        raise RuntimeError(f"refused: {json.dumps(frame)[:400]}")


def _connect(token: str) -> Json:
    return {
        "type": "req",
        "id": "connect",
        "method": "connect",
        "params": {
            "minProtocol": 4,
            "maxProtocol": 4,
            "client": {"id": "gateway-client", "version": "bench", "platform": "linux", "mode": "backend"},
            "role": "operator",
            "scopes": ["operator.admin", "operator.read", "operator.write"],
            "auth": {"token": token},
        },
    }
