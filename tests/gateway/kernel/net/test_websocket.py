"""The socket and the listener over real TCP (cases 1-4, 26-30; R9, R10)."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from gateway.kernel.net import server, websocket
from gateway.kernel.net.origin import OriginPolicy
from gateway.kernel.net.server import Listener
from gateway.kernel.net.websocket import Socket
from gateway.kernel.rpc.context import PeerFacts
from protocol.limits import MAX_PREAUTH_BYTES

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class EchoReceiver:
    """Sends every message back, and remembers how the connection ended."""

    def __init__(self, peer: PeerFacts) -> None:
        self.peer = peer
        self.socket: Socket
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.writable_again = 0
        self.unknown = 0

    def on_open(self, socket: Socket) -> None:
        self.socket = socket

    def on_unknown(self, size: int) -> None:
        self.unknown = size

    def on_text(self, data: bytes) -> None:
        self.socket.send(data)

    def on_writable(self) -> None:
        self.writable_again += 1

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.set_result((code, reason))


class Rig:
    """A listener whose connections can be inspected."""

    def __init__(self) -> None:
        self.receivers: list[EchoReceiver] = []
        self.bearers: list[str | None] = []
        app = Starlette(routes=[Route("/healthz", _healthz)])
        self.listener = Listener(lambda: OriginPolicy(scheme="http"), self._receive, app)

    def _receive(self, peer: PeerFacts, bearer: str | None) -> EchoReceiver:
        self.bearers.append(bearer)
        self.receivers.append(EchoReceiver(peer))
        return self.receivers[-1]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.listener.port}/"


async def _healthz(_: Request) -> PlainTextResponse:
    return PlainTextResponse("live")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.listener.open("127.0.0.1", 0)
    yield rig
    for receiver in rig.receivers:
        receiver.socket.abort()
    await rig.listener.close()


async def test_messages_pass_on_any_path_and_facts_are_those_of_the_network(rig: Rig) -> None:
    for path in ("", "ws", "gateway?x=1"):
        async with connect(rig.url + path) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
    facts = rig.receivers[0].peer
    assert (facts.remote_ip, facts.direct_loopback, facts.origin, facts.secure) == (
        "127.0.0.1",
        True,
        None,
        False,
    )


async def test_fragments_are_joined(rig: Rig) -> None:
    async with connect(rig.url) as client:
        await client.send(iter(["he", "l", "lo"]))
        assert await client.recv() == "hello"


async def test_compression_is_never_negotiated(rig: Rig) -> None:
    """Case 30."""
    async with connect(rig.url, compression="deflate") as client:
        assert client.protocol.extensions == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Forwarded-For": "203.0.113.5"}, 403),
    ],
)
async def test_foreign_pages_and_unknown_proxies_are_refused(
    rig: Rig, headers: dict[str, str], status: int
) -> None:
    """Cases 1, 2 and 24."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(rig.url, additional_headers=headers):
            pass
    assert refused.value.response.status_code == status
    assert rig.receivers == []


async def test_a_rebound_host_is_refused_on_http_and_websocket(rig: Rig) -> None:
    """Case 3."""
    for extra in ("", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.listener.port)
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" if extra else ""
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n{extra}{key}\r\n".encode())
        status = await reader.readline()
        assert b" 421 " in status
        writer.close()
        await writer.wait_closed()


async def test_an_oversized_frame_is_closed_with_1009_before_it_is_buffered(rig: Rig) -> None:
    """Case 28: 64 KiB + 1 before authentication, and a length header of 2^63 - 1."""
    async with connect(rig.url) as client:
        await client.send("x" * (MAX_PREAUTH_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009
    async with connect(rig.url) as client:
        client.transport.write(b"\x81\xff" + (2**63 - 1).to_bytes(8, "big") + b"\0\0\0\0")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


async def test_the_limit_can_be_raised(rig: Rig) -> None:
    async with connect(rig.url, max_size=None) as client:
        await client.send("hello")
        await client.recv()
        rig.receivers[0].socket.set_max_bytes(1_000_000)
        await client.send("x" * 200_000)
        assert len(await client.recv()) == 200_000


async def test_binary_frames_are_refused(rig: Rig) -> None:
    async with connect(rig.url) as client:
        await client.send(b"\0\1")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1003


async def test_closing_tells_both_sides_the_code_and_reason(rig: Rig) -> None:
    async with connect(rig.url) as client:
        await client.send("hi")
        await client.recv()
        rig.receivers[0].socket.close(1008, "reason " + "x" * 200)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1008
        assert (client.close_reason or "").startswith("reason x")
    code, _ = await asyncio.wait_for(rig.receivers[0].closed, 5)
    assert code == 1008


async def test_a_vanished_peer_is_reported(rig: Rig) -> None:
    async with connect(rig.url) as client:
        await client.send("hi")
        await client.recv()
        client.transport.abort()
    code, _ = await asyncio.wait_for(rig.receivers[0].closed, 5)
    assert code == 1006


async def test_a_peer_that_never_reads_is_cut_off_at_the_write_deadline(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10."""
    monkeypatch.setattr(websocket, "WRITE_DEADLINE_S", 0.2)
    async with connect(rig.url) as client:
        await client.send("hi")
        await client.recv()
        client.transport.pause_reading()
        receiver = rig.receivers[0]
        for _ in range(200):
            receiver.socket.send(b"x" * 100_000)
        assert not receiver.socket.writable
        assert await asyncio.wait_for(receiver.closed, 5) == (1008, websocket.SLOW)
        client.transport.abort()


async def test_a_peer_that_reads_slowly_but_steadily_gets_all_of_a_large_answer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone on a bad line takes longer than the deadlines for 6 MB, and answers no ping meanwhile."""
    monkeypatch.setattr(websocket, "WRITE_DEADLINE_S", 0.2)
    monkeypatch.setattr(websocket, "PING_INTERVAL_S", 0.05)
    monkeypatch.setattr(websocket, "PONG_DEADLINE_S", 0.2)
    size = 6_000_000
    with sockets.socket() as phone:
        phone.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 64 * 1024)
        phone.connect(("127.0.0.1", rig.listener.port))
        phone.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(phone, UPGRADE)
        await loop.sock_recv(phone, 4096)
        receiver = rig.receivers[0]
        receiver.socket.send(b"x" * size)
        started, received = loop.time(), 0
        while received < size:
            received += len(chunk := await loop.sock_recv(phone, 128 * 1024))
            assert chunk, "cut off while it was reading"
            await asyncio.sleep(0.01)
    assert loop.time() - started > 0.4
    await asyncio.wait_for(receiver.closed, 5)


async def test_a_peer_that_is_busy_sending_need_not_answer_pings(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pong cannot stand inside a frame, and a large upload is one frame."""
    monkeypatch.setattr(websocket, "PING_INTERVAL_S", 0.05)
    monkeypatch.setattr(websocket, "PONG_DEADLINE_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.listener.port)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    upload = Frame(Opcode.TEXT, b"x" * 60_000).serialize(mask=True)
    for start in range(0, len(upload), 6000):
        writer.write(upload[start : start + 6000])
        await asyncio.sleep(0.1)
    assert not rig.receivers[0].closed.done()
    echoed = b""
    while b"x" * 60_000 not in echoed:  # the pings came before
        echoed += (chunk := await asyncio.wait_for(reader.read(65536), 5))
        assert chunk
    writer.close()
    await writer.wait_closed()


async def test_a_peer_that_catches_up_is_writable_again(rig: Rig) -> None:
    async with connect(rig.url, max_size=None) as client:
        await client.send("hi")
        await client.recv()
        receiver = rig.receivers[0]
        while receiver.socket.writable:
            receiver.socket.send(b"x" * 100_000)
        for _ in range(100):
            if receiver.writable_again:
                break
            await client.recv()
        assert receiver.socket.writable
        client.transport.abort()


async def test_a_silent_half_open_peer_is_found(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """R14: a peer whose host vanished answers no ping."""
    monkeypatch.setattr(websocket, "PING_INTERVAL_S", 0.05)
    monkeypatch.setattr(websocket, "PONG_DEADLINE_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.listener.port)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    code, _ = await asyncio.wait_for(rig.receivers[0].closed, 5)
    assert code == 1006
    writer.close()


async def test_slow_http_headers_and_bodies_hit_a_deadline(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 27."""
    monkeypatch.setattr(server, "REQUEST_DEADLINE_S", 0.3)
    for start in (b"GET / HT", b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"):
        client = sockets.create_connection(("127.0.0.1", rig.listener.port))
        client.sendall(start)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        received = b""
        try:
            while chunk := await asyncio.wait_for(loop.sock_recv(client, 4096), 5):
                received += chunk
        except ConnectionResetError:
            pass
        assert b"200" not in received
        client.close()


async def test_plain_http_is_served_on_the_same_port(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.listener.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"live")
    writer.close()
    await writer.wait_closed()
