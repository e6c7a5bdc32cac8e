"""Case 27, R9, R10: peers that write slowly, and peers that do not read."""

import asyncio
import contextlib
import socket
import time
from typing import Final

from tests.conformance.gauges import open_sockets, peak_rss_bytes, probing, reset_peak, rss_bytes
from tests.conformance.raw import CONTINUATION, PING, TEXT, RawPeer, frame, header, request, upgrade
from tests.support.daemon import Daemon
from tests.support.wire import Json, WireClient

MIB = 1024 * 1024
SLOW_WRITER_S: Final = 20.0
SLOW_READER_S: Final = 30.0
OUTBOX_BYTES: Final = 8 * MIB
EVENT_LOG_BYTES: Final = 4 * MIB

HTTP: Final[dict[str, tuple[bytes, bytes]]] = {
    "nothing at all": (b"", b""),
    "a header byte per second": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"a"),
    "a header line per second": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X: a\r\n"),
    "a body byte per second": (
        b"PUT /config HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n",
        b"a",
    ),
    "a chunk per second": (
        b"PUT /config HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
}
"""What a slow writer of HTTP sends first, and then every second."""

FRAMES: Final[dict[str, tuple[bytes, bytes]]] = {
    "silence": (b"", b""),
    "a frame byte per second": (header(TEXT, 1000), b" "),
    "a fragment per second": (frame(b" ", TEXT, fin=False), frame(b" ", CONTINUATION, fin=False)),
    "a ping per second": (b"", frame(b"still here", PING)),
}
"""The same on an upgraded connection."""


async def lifetime_s(peer: RawPeer, first: bytes, then: bytes) -> float:
    """Seconds until the gateway ends a connection that is fed so."""
    started = time.monotonic()
    async with peer:
        writing = asyncio.create_task(_feed(peer, first, then))
        with contextlib.suppress(ConnectionError):  # a reset is an end, too
            while await peer.reader.read(4096):
                pass
        writing.cancel()
    return time.monotonic() - started


async def _feed(peer: RawPeer, first: bytes, then: bytes) -> None:
    await peer.send(first)
    while True:
        await asyncio.sleep(1)
        await peer.send(then)


async def deaf(daemon: Daemon) -> RawPeer:
    """An admitted client whose system holds next to nothing for it, and which reads no more."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", daemon.port))
    peer = RawPeer(*await asyncio.open_connection(sock=sock, limit=4096))
    await peer.send(upgrade())
    await peer.reader.readuntil(b"\r\n\r\n")
    await peer.enter(daemon.token)
    return peer  # its stream reads some 8 KiB ahead, and then stops


async def drain(peer: RawPeer) -> None:
    """Read and forget."""
    while await peer.reader.read(1 << 18):
        pass


async def ended_s(peer: RawPeer) -> float:
    """Seconds until a write finds that the gateway ended the connection; the peer reads nothing meanwhile."""
    started = time.monotonic()
    while not peer.writer.transport.is_closing():
        peer.writer.write(frame(b"", PING))
        await asyncio.sleep(0.1)
    return time.monotonic() - started


async def test_one_who_does_not_read_disturbs_nobody(daemon: Daemon) -> None:
    """R9: 1 of 20 clients does not read while 20 MB of events are published.

    [others' p99 <= 100 ms; RSS <= +outbox cap + 10 MB; the slow one is closed with a stated reason]
    """
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as talker:
        await talker.connect()
        slow = await deaf(daemon)
        others = [await RawPeer.admitted(daemon.port, daemon.token) for _ in range(18)]
        drains = [asyncio.create_task(drain(other)) for other in others]
        before = rss_bytes(daemon.pid)
        reset_peak(daemon.pid)
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as bystander:
            await bystander.connect(scopes=["operator.read"])
            async with probing(bystander) as latencies:
                await publish(talker, events=300, size=65_000)
        grown = peak_rss_bytes(daemon.pid) - before
        async with asyncio.timeout(SLOW_READER_S):
            await ended_s(slow)
        recorded = await talker.call("diagnostics.stability", {"type": "gateway.connection.closed"})
        for task, other in zip(drains, others, strict=True):
            assert not task.done(), "a client that reads was closed"
            task.cancel()
            await other.hang_up()
        await slow.hang_up()
    assert latencies.quantile_s(0.99) <= 0.1
    assert grown <= OUTBOX_BYTES + EVENT_LOG_BYTES + 10 * MIB
    assert [event["reason"] for event in recorded["events"]] == ["1008"]
    assert "slow consumer" in daemon.stderr_text()


async def publish(talker: WireClient, *, events: int, size: int) -> None:
    """Make the gateway publish so many events of about `size` bytes to everyone who may see approvals."""
    for number in range(events):
        params: Json = {"command": "x" * size, "timeoutMs": 1, "id": f"slow-{number}"}
        await talker.call("exec.approval.request", params)


async def test_slow_peers_are_closed(daemon: Daemon) -> None:
    """Case 27, R10: slow writers of headers, bodies and frames, and one who never reads, all at once.

    [writers closed <= 20 s, the reader <= 30 s, RSS bounded, the reason in the log, files return]
    """
    feeds = {**HTTP, **FRAMES}
    files, memory = open_sockets(daemon.pid), rss_bytes(daemon.pid)
    peers = [await RawPeer.dial(daemon.port) for _ in HTTP]
    peers += [await RawPeer.open(daemon.port) for _ in FRAMES]
    async with asyncio.timeout(SLOW_READER_S):
        unread_s, *lifetimes = await asyncio.gather(
            never_reading_s(daemon),
            *(lifetime_s(peer, *feed) for peer, feed in zip(peers, feeds.values(), strict=True)),
        )
    found = dict(zip(feeds, lifetimes, strict=True))
    assert {name for name, seconds in found.items() if seconds > SLOW_WRITER_S} == set()
    assert min(*lifetimes, unread_s) >= 10, f"a slow but honest client has some time: {found}"
    await asyncio.sleep(0.2)
    assert open_sockets(daemon.pid) <= files
    assert rss_bytes(daemon.pid) - memory <= OUTBOX_BYTES + 10 * MIB
    assert "slow consumer" in daemon.stderr_text()
    assert "Traceback" not in daemon.stderr_text()


async def never_reading_s(daemon: Daemon) -> float:
    """Seconds until a client that asks and asks and never reads is cut off."""
    slow = await deaf(daemon)
    asked = frame(request("1", "config.schema")) * 50
    for _ in range(40):
        slow.writer.write(asked)
        await asyncio.sleep(0.01)
    seconds = await ended_s(slow)
    await slow.hang_up()
    return seconds


async def test_pings_of_one_who_does_not_read_are_not_hoarded(daemon: Daemon) -> None:
    """R10: 30 MB of pings whose pongs nobody reads [RSS <= +10 MB while it lasts]."""
    slow = await deaf(daemon)
    before = rss_bytes(daemon.pid)
    reset_peak(daemon.pid)
    pings = frame(b"x" * 125, PING) * 500
    with contextlib.suppress(TimeoutError):  # the gateway stops reading: that is the point
        async with asyncio.timeout(2):
            for _ in range(480):
                await slow.send(pings)
    grown = peak_rss_bytes(daemon.pid) - before
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        assert (await client.call("health"))["ok"]
    await slow.hang_up()
    assert grown <= 10 * MIB
