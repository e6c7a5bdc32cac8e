"""Cases 28 and 30, S0.3-7: frames that are too large, compressed or malformed, and orderly ends."""

import asyncio
import zlib

import pytest

from tests.conformance.gauges import peak_rss_bytes, reset_peak, rss_bytes
from tests.conformance.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    VANISHED,
    RawPeer,
    frame,
    header,
    request,
)
from tests.support.daemon import Daemon
from tests.support.wire import WireClient, connect_params

MIB = 1024 * 1024
PREAUTH_BYTES = 64 * 1024
PAYLOAD_BYTES = 25 * MIB
HUGE = 2**63


@pytest.fixture
async def stranger(shared_daemon: Daemon) -> RawPeer:
    peer = await RawPeer.open(shared_daemon.port)
    await peer.receive()
    return peer


@pytest.fixture
async def known(shared_daemon: Daemon) -> RawPeer:
    return await RawPeer.admitted(shared_daemon.port, shared_daemon.token)


def padded(text: str, size: int) -> str:
    """JSON text made `size` bytes long by spaces, which any parser passes over."""
    return text + " " * (size - len(text))


async def test_a_stranger_may_send_64_kib(stranger: RawPeer, shared_daemon: Daemon) -> None:
    """Case 28: a connect of exactly 64 KiB is read [hello-ok]."""
    connect = padded(request("1", "connect", connect_params(shared_daemon.token)), PREAUTH_BYTES)
    async with stranger:
        await stranger.send(frame(connect))
        assert (await stranger.answer("1"))["ok"]


async def test_a_stranger_may_not_send_one_byte_more(stranger: RawPeer, shared_daemon: Daemon) -> None:
    """Case 28: 64 KiB + 1 before authentication [1009, no answer]."""
    connect = padded(request("1", "connect", connect_params(shared_daemon.token)), PREAUTH_BYTES + 1)
    async with stranger:
        await stranger.send(frame(connect))
        closing, said = await stranger.closing()
    assert closing.code == 1009
    assert not said


async def test_fragments_of_a_stranger_count_together(stranger: RawPeer) -> None:
    """Case 28: 64 KiB + 1 in fragments [1009]."""
    part = b" " * (16 * 1024)
    async with stranger:
        await stranger.send(frame(part, TEXT, fin=False) + frame(part, CONTINUATION, fin=False) * 2)
        await stranger.send(frame(part + b" ", CONTINUATION, fin=False))
        closing, said = await stranger.closing()
    assert closing.code == 1009
    assert not said


@pytest.mark.parametrize("length", [PREAUTH_BYTES + 1, 2**31, 2**32, HUGE - 1, HUGE, 2**64 - 1])
async def test_an_announced_length_allocates_nothing(
    stranger: RawPeer, shared_daemon: Daemon, length: int
) -> None:
    """Case 28: a header announcing up to 2^64 - 1 bytes [1009 on the header alone, RSS <= +5 MB]."""
    before = rss_bytes(shared_daemon.pid)
    async with stranger:
        await stranger.send(header(TEXT, length))
        closing, _ = await stranger.closing()
    assert closing.code == 1009
    assert rss_bytes(shared_daemon.pid) - before <= 5 * MIB


@pytest.mark.parametrize("length", [PAYLOAD_BYTES + 1, 2**32, HUGE])
async def test_an_announced_length_after_hello_allocates_nothing(
    known: RawPeer, shared_daemon: Daemon, length: int
) -> None:
    """Case 28 after authentication [1009 on the header alone, RSS <= +5 MB]."""
    before = rss_bytes(shared_daemon.pid)
    async with known:
        await known.send(header(TEXT, length))
        closing, _ = await known.closing()
    assert closing.code == 1009
    assert rss_bytes(shared_daemon.pid) - before <= 5 * MIB


async def test_a_device_may_send_25_mib_and_not_one_byte_more(daemon: Daemon) -> None:
    """Case 28, S0.3-7: 25 MiB is answered; 25 MiB + 1 is 1009 [peak RSS grows by a few caps, then falls]."""
    before = rss_bytes(daemon.pid)
    reset_peak(daemon.pid)
    async with await RawPeer.admitted(daemon.port, daemon.token) as peer:
        await peer.send(frame(padded(request("big", "health"), PAYLOAD_BYTES)))
        assert (await peer.answer("big"))["ok"]
        await peer.send(frame(padded(request("bigger", "health"), PAYLOAD_BYTES + 1)))
        closing, said = await peer.closing()
    assert closing.code == 1009
    assert not [answer for answer in said if answer["type"] == "res"]
    # Receive buffer, unmasked frame, message: each holds the payload once while it passes.
    assert peak_rss_bytes(daemon.pid) - before <= 4 * PAYLOAD_BYTES
    async with await RawPeer.admitted(daemon.port, daemon.token) as peer:
        await peer.send(frame(request("after", "health")))
        assert (await peer.answer("after"))["ok"]
    assert rss_bytes(daemon.pid) - before <= PAYLOAD_BYTES + 10 * MIB


async def test_tiny_fragments_cost_no_more_than_their_bytes(daemon: Daemon) -> None:
    """Case 28: 500,000 fragments of no or two bytes [RSS <= +10 MB; the message is still read]."""
    text = request("tiny", "health").encode()
    async with await RawPeer.admitted(daemon.port, daemon.token) as peer:
        before = rss_bytes(daemon.pid)
        reset_peak(daemon.pid)
        await peer.send(frame(b"", TEXT, fin=False))
        for _ in range(100):
            await peer.send(frame(b"  ", CONTINUATION, fin=False) * 4000)
            await peer.send(frame(b"", CONTINUATION, fin=False) * 1000)
        await peer.send(frame(text, CONTINUATION))
        assert (await peer.answer("tiny", 30))["ok"]
    assert peak_rss_bytes(daemon.pid) - before <= 10 * MIB


BROKEN_FRAMES = {
    "reserved bit 2": frame("{}", rsv=0b010),
    "reserved bit 3": frame("{}", rsv=0b001),
    "unknown opcode": frame("{}", 0x3),
    "unknown control opcode": frame("", 0xB),
    "unmasked": b"\x81\x02{}",
    "continuation of nothing": frame("{}", CONTINUATION),
    "new message inside a message": frame("{", fin=False) + frame("{}"),
    "long ping": frame(b"x" * 126, PING),
    "fragmented ping": frame(b"x", PING, fin=False),
    "close with one byte": frame(b"\x03", CLOSE),
    "close with a forbidden code": frame(b"\x03\xed", CLOSE),
}


@pytest.mark.parametrize("what", BROKEN_FRAMES)
async def test_a_broken_frame_ends_the_connection(stranger: RawPeer, known: RawPeer, what: str) -> None:
    """S0.3-7: frames that RFC 6455 forbids, before and after authentication [1002]."""
    for peer in (stranger, known):
        async with peer:
            await peer.send(BROKEN_FRAMES[what])
            closing, said = await peer.closing()
        assert closing.code == 1002, what
        assert not [answer for answer in said if answer["type"] == "res"]


async def test_binary_frames_are_not_spoken_here(stranger: RawPeer, known: RawPeer) -> None:
    """S0.3-7: a binary frame [1003]."""
    for peer in (stranger, known):
        async with peer:
            await peer.send(frame(b"\x00", BINARY))
            closing, _ = await peer.closing()
        assert closing.code == 1003


@pytest.mark.parametrize("text", [b"\xff", b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xf5"}'])
async def test_text_that_is_not_utf8_ends_the_connection(
    stranger: RawPeer, known: RawPeer, text: bytes
) -> None:
    """S0.3-7, case 29: invalid UTF-8 [1007, so that it can never be passed on to another client]."""
    for peer in (stranger, known):
        async with peer:
            await peer.send(frame(text))
            closing, _ = await peer.closing()
        assert closing.code == 1007


async def test_compression_is_never_negotiated(shared_daemon: Daemon) -> None:
    """Case 30: permessage-deflate offered [not negotiated; a compressed frame closes with 1002]."""
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    async with await RawPeer.open(shared_daemon.port, headers=offer) as peer:
        assert "101" in peer.response
        assert "sec-websocket-extensions" not in peer.response.lower()
        await peer.receive()
        bomb = zlib.compressobj(wbits=-15)
        data = bomb.compress(b" " * (16 * MIB)) + bomb.flush(zlib.Z_SYNC_FLUSH)
        assert len(data) < PREAUTH_BYTES
        before = rss_bytes(shared_daemon.pid)
        await peer.send(frame(data, rsv=0b100))
        closing, said = await peer.closing()
    assert closing.code == 1002
    assert not said
    assert rss_bytes(shared_daemon.pid) - before <= 5 * MIB


async def test_two_hundred_idle_sockets(daemon: Daemon) -> None:
    """S0.3-7: 200 admitted idle connections [all answer afterwards; 200 kB each at most]."""
    before = rss_bytes(daemon.pid)
    clients = [await WireClient.open(daemon.ws_url, token=daemon.token) for _ in range(200)]
    await asyncio.gather(*(client.connect() for client in clients))
    assert rss_bytes(daemon.pid) - before <= 200 * 200_000
    answers = await asyncio.gather(*(client.call("health") for client in clients))
    assert all(answer["ok"] for answer in answers)
    await asyncio.gather(*(client.close() for client in clients))


async def test_a_shutdown_is_said_to_everyone(daemon: Daemon) -> None:
    """S0.3-7: SIGTERM [a `shutdown` event, then 1012 for admitted, and no stranger is left hanging]."""
    clients = [await WireClient.open(daemon.ws_url, token=daemon.token) for _ in range(20)]
    await asyncio.gather(*(client.connect() for client in clients))
    async with await RawPeer.open(daemon.port) as stranger, await RawPeer.dial(daemon.port) as idle:
        await daemon.stop()
        closing, _ = await stranger.closing()
        assert closing.code in {1012, VANISHED}
        assert await asyncio.wait_for(idle.reader.read(), 5) == b""
    for client in clients:
        assert await client.closed() == (1012, "service restart")
        assert client.events[-1]["event"] == "shutdown"
        assert client.events[-1]["payload"]["reason"]
        await client.close()
