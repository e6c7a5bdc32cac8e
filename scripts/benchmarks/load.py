"""A client made for load: so little work per frame that the gateway is what is measured."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from websockets.asyncio.client import ClientConnection, connect

Json = dict[str, Any]


class StampedConnection(ClientConnection):
    """Once armed, notes when the next bytes arrive and does nothing else with them.

    Parsing one connection's frame would delay the stamps of the others.
    """

    arrivals: list[float] | None = None

    def data_received(self, data: bytes) -> None:
        """Stamp, or parse as usual."""
        if self.arrivals is None:
            super().data_received(data)
            return
        self.arrivals.append(time.perf_counter())
        self.arrivals = None


class LoadClient:
    """One admitted operator connection."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self.socket: StampedConnection
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
        socket = self.socket
        sent = answered = 0
        started = time.perf_counter()
        while answered < count:
            while sent < count and sent - answered < depth:
                await socket.send(request(sent))
                sent += 1
            if is_answer(await socket.recv()):
                answered += 1
        return count / (time.perf_counter() - started)

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


async def open_socket(url: str) -> StampedConnection:
    """A WebSocket that offers no compression and takes frames of any size."""
    socket = await connect(
        url, compression=None, max_size=None, user_agent_header=None, create_connection=StampedConnection
    )
    return cast("StampedConnection", socket)


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
