"""The recorder must not change what it watches."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.http11 import Request, Response

from tests.support.recorder import Recorder, Sender

BIG = "x" * 200_000


async def answer(socket: ServerConnection) -> None:
    """A gateway of three methods: `echo`, `split` (a fragmented answer) and `leave` (a close with a code)."""
    async for message in socket:
        request = json.loads(message)
        response = {"type": "res", "id": request["id"], "ok": True, "payload": request.get("params")}
        if request["method"] == "leave":
            await socket.close(4001, "device removed")
        elif request["method"] == "split":
            text = json.dumps(response)
            await socket.send([text[:10], text[10:20], text[20:]])
        else:
            await socket.send(json.dumps(response))


def plain_http(connection: ServerConnection, request: Request) -> Response | None:
    """Answer requests that are no upgrade."""
    if "Upgrade" in request.headers:
        return None
    return Response(200, "OK", Headers({"Content-Length": "4"}), b"live")


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    async with serve(answer, "127.0.0.1", 0, process_request=plain_http, max_size=None) as server:
        yield server


@pytest.fixture
async def recorder(upstream: Server) -> AsyncIterator[Recorder]:
    async with Recorder(upstream.sockets[0].getsockname()[1]) as tap:
        yield tap


@pytest.mark.parametrize("method", ["echo", "split"])
@pytest.mark.parametrize("params", ["", "äö", "y" * 126, "z" * 65_536, BIG])
async def test_messages_of_any_size_pass_and_are_kept(recorder: Recorder, method: str, params: str) -> None:
    request = {"type": "req", "id": "1", "method": method, "params": params}
    async with connect(f"ws://127.0.0.1:{recorder.port}/ws", max_size=None, compression=None) as client:
        await client.send(json.dumps(request))
        received = json.loads(await client.recv())
    assert received["payload"] == params
    assert [frame.body for frame in recorder.frames] == [request, received]
    assert [frame.sender for frame in recorder.frames] == [Sender.CLIENT, Sender.GATEWAY]
    assert recorder.connections[0].path == "/ws"
    assert recorder.methods() == [method]


async def test_close_codes_pass_and_are_kept(recorder: Recorder) -> None:
    async with connect(f"ws://127.0.0.1:{recorder.port}/", compression=None) as client:
        await client.send(json.dumps({"type": "req", "id": "1", "method": "leave"}))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4001, "device removed")
    assert recorder.connections[0].close_code == 4001


async def test_plain_http_passes(recorder: Recorder) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{recorder.port}/healthz")).text == "live"
    assert recorder.frames == []
    assert recorder.connections[0].path == "/healthz"


async def test_a_gateway_that_is_down_refuses_the_client(recorder: Recorder, upstream: Server) -> None:
    upstream.close()
    await upstream.wait_closed()
    with pytest.raises(InvalidMessage, match="did not receive a valid HTTP response"):
        async with asyncio.timeout(5):
            await connect(f"ws://127.0.0.1:{recorder.port}/", compression=None)


async def test_connections_are_told_apart(recorder: Recorder) -> None:
    for turn in ("first", "second"):
        async with connect(f"ws://127.0.0.1:{recorder.port}/", compression=None) as client:
            await client.send(json.dumps({"type": "req", "id": "1", "method": "echo", "params": turn}))
            await client.recv()
    sent = [frame for frame in recorder.frames if frame.sender is Sender.CLIENT]
    assert [(frame.connection, frame.body["params"]) for frame in sent] == [(1, "first"), (2, "second")]
