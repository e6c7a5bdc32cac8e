"""Case 26, R22: strangers in numbers, at every stage before `hello-ok`."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.gauges import open_sockets, probing, rss_bytes
from tests.conformance.raw import RawPeer, frame, request, upgrade
from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, WireClient, connect_params

MIB = 1024 * 1024
PER_BURST: Final = 20
BURST_S: Final = 0.02
"""Together at most 1,000 connections per second, and fewer on a machine that has other work."""

STRANGERS_PER_IP: Final = 256
ATTEMPTS: Final = 5
"""A gateway that cannot stand a flood fails every time; a busy neighbour on a shared machine does not."""

FLOOD_S: Final = 30.0
GROWTH_BYTES: Final = 30 * MIB
ENTRY_S: Final = 2.0
P99_S: Final = 0.2


async def _half_open(port: int) -> RawPeer:
    """Upgraded, challenged, and silent."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade())
    return peer


async def _silent(port: int) -> RawPeer:
    """A TCP connection without a byte."""
    return await RawPeer.dial(port)


async def _half_a_request(port: int) -> RawPeer:
    """The beginning of an HTTP request, just under what a header may have."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade()[:-2] + b"X-Filler: " + b"f" * 8000)
    return peer


async def _answered(port: int) -> RawPeer:
    """A connection kept open after a request that everybody may make."""
    peer = await RawPeer.dial(port)
    await peer.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return peer


async def _half_a_frame(port: int) -> RawPeer:
    """Upgraded, and 60 KiB into a first frame that never ends."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade())
    await peer.reader.readuntil(b"\r\n\r\n")
    await peer.send(frame(b" " * 60 * 1024)[:-1])
    return peer


async def _wrong_token(port: int) -> RawPeer:
    """A complete connect with a wrong secret, refused by the gateway."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade())
    await peer.reader.readuntil(b"\r\n\r\n")
    await peer.send(frame(request("1", "connect", connect_params("wrong-token-0123456789"))))
    return peer


async def _pinging(port: int) -> RawPeer:
    """Upgraded, and thousands of pings."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade())
    await peer.reader.readuntil(b"\r\n\r\n")
    await peer.send(frame(b"", 0x9) * 5000)
    return peer


async def _foreign_page(port: int) -> RawPeer:
    """An upgrade from a page of somebody else, refused with 403."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade(headers={"Origin": "http://evil.example"}))
    return peer


async def _no_upgrade(port: int) -> RawPeer:
    """An upgrade with a header line longer than the WebSocket parser reads."""
    peer = await RawPeer.dial(port)
    await peer.send(upgrade(headers={"X-Filler": "f" * 9000}))
    return peer


Stranger = Callable[[int], Awaitable[RawPeer]]

FLOODS: Final[dict[Stranger, int]] = {
    _half_open: 2000,
    _silent: 1000,
    _half_a_request: 1000,
    _answered: 1000,
    _half_a_frame: 500,
    _wrong_token: 400,
    _pinging: 200,
    _foreign_page: 400,
    _no_upgrade: 400,
}


async def flood(stack: AsyncExitStack, port: int, stranger: Stranger, count: int) -> None:
    """Open `count` connections and keep them; what the gateway closes meanwhile stays closed."""
    peers: list[RawPeer] = []

    async def one() -> None:
        try:
            peer = await stranger(port)
        except (ConnectionError, EOFError):
            return  # turned away already
        stack.push_async_callback(peer.hang_up)
        peers.append(peer)

    async with asyncio.timeout(FLOOD_S):
        for opened in range(0, count, PER_BURST):
            await asyncio.gather(*(one() for _ in range(min(PER_BURST, count - opened))))
            await asyncio.sleep(BURST_S)
    assert len(peers) >= count // 2, "the flood did not happen"


async def come_home(daemon: Daemon, identity: DeviceKey, token: str) -> float:
    """Seconds in which a paired device gets its `hello-ok`."""
    started = time.perf_counter()
    async with await WireClient.open(daemon.ws_url, token=token) as client:
        await client.connect(identity=identity)
        took_s = time.perf_counter() - started
        assert (await client.call("health"))["ok"]
    return took_s


@pytest.fixture
async def warm(daemon: Daemon) -> tuple[Daemon, DeviceKey, str]:
    """A daemon that has seen connections, with a paired device and its token."""
    identity = DeviceKey()
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        token = (await client.connect(identity=identity))["auth"]["deviceToken"]
    for _ in range(20):
        await come_home(daemon, identity, token)
    return daemon, identity, token


@pytest.mark.parametrize("stranger", FLOODS, ids=lambda stranger: str(stranger.__name__).strip("_"))
async def test_strangers_in_numbers_keep_nobody_out(
    warm: tuple[Daemon, DeviceKey, str], stranger: Stranger
) -> None:
    """Case 26, R22: up to 2,000 strangers from one address.

    [RSS <= +30 MB; a paired device gets in <= 2 s; an existing device's answers p99 <= 200 ms; files return]
    """
    daemon, identity, token = warm
    memory = rss_bytes(daemon.pid)
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as existing:
        await existing.connect()
        for attempt in range(ATTEMPTS):
            p99_s, entry_s = await withstand(daemon, stranger, existing, identity, token)
            if p99_s <= P99_S and entry_s <= ENTRY_S:
                break
            assert attempt < ATTEMPTS - 1, f"p99 {p99_s:.3f} s, entry {entry_s:.3f} s"
    assert rss_bytes(daemon.pid) - memory <= GROWTH_BYTES
    assert "Traceback" not in daemon.stderr_text()


def test_open_files_are_no_bottleneck(tmp_path: Path) -> None:
    """Case 26: started with the few open files that systems give, the gateway takes what it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        daemon = Daemon(tmp_path)
        daemon.launch()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        limits = Path(f"/proc/{daemon.pid}/limits").read_text(encoding="ascii")
        raised = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
        assert int(raised) >= min(8192, hard)
        daemon.shut_down()
    finally:
        daemon.close()


async def withstand(
    daemon: Daemon, stranger: Stranger, existing: WireClient, identity: DeviceKey, token: str
) -> tuple[float, float]:
    """One flood; the 99th percentile of an existing client's waits, and the longest entry of a device."""
    files = open_sockets(daemon.pid)
    entries: list[float] = []
    async with AsyncExitStack() as stack:
        async with probing(existing) as latencies:
            flooding = asyncio.create_task(flood(stack, daemon.port, stranger, FLOODS[stranger]))
            while not flooding.done() or not entries:
                entries.append(await come_home(daemon, identity, token))
                await asyncio.sleep(0.1)
            await flooding
            entries.append(await come_home(daemon, identity, token))
        assert open_sockets(daemon.pid) - files <= STRANGERS_PER_IP + 50, "there is a bound on strangers"
    deadline = time.monotonic() + 5
    while open_sockets(daemon.pid) > files + 2:
        assert time.monotonic() < deadline, "files of gone strangers stay open"
        await asyncio.sleep(0.05)
    return latencies.quantile_s(0.99), max(entries)
