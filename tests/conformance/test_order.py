"""Case 7: nothing but one `connect`, alone and first, opens a connection; and no handler runs before."""

import asyncio
import json

import pytest

from tests.conformance.raw import PING, RawPeer, frame, request, upgrade
from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, WireClient, connect_params

NEEDLE = "handler-ran-for-a-stranger"


@pytest.fixture
async def peer(shared_daemon: Daemon) -> RawPeer:
    peer = await RawPeer.open(shared_daemon.port)
    challenge = await peer.receive()
    assert challenge["event"] == "connect.challenge"
    return peer


@pytest.mark.parametrize(
    "first",
    [
        request("1", "health"),
        request("1", "config.get"),
        request("1", "no.such.method"),
        json.dumps({"type": "event", "event": "tick", "payload": {}}),
        json.dumps({"type": "res", "id": "1", "ok": True}),
        json.dumps({"type": "req", "id": "", "method": "connect"}),
        "",
        "null",
        "[]",
        "{",
        "\x00",
    ],
)
async def test_a_first_frame_that_is_not_connect_ends_it(peer: RawPeer, first: str) -> None:
    """Case 7, first frame not `connect` [close 1008, at most one refusal, no result]."""
    async with peer:
        await peer.send(frame(first))
        closing, said = await peer.closing()
    assert closing.code == 1008
    assert closing.reason
    assert len(said) <= 1
    assert not any(answer["ok"] for answer in said)


async def test_a_second_connect_ends_it(shared_daemon: Daemon) -> None:
    """Case 7, second `connect` [close 1008; the admitted connection gives no second hello]."""
    async with await RawPeer.admitted(shared_daemon.port, shared_daemon.token) as peer:
        await peer.send(frame(request("again", "connect", connect_params(shared_daemon.token))))
        closing, said = await peer.closing()
    assert closing.code == 1008
    assert not [answer for answer in said if answer["type"] == "res"]


async def test_a_second_connect_before_hello_ends_it(peer: RawPeer, shared_daemon: Daemon) -> None:
    """Case 7, two connects at once [close 1008, no hello on the second]."""
    hello = request("a", "connect", connect_params(shared_daemon.token))
    async with peer:
        await peer.send(frame(hello) + frame(hello.replace('"a"', '"b"', 1)))
        closing, said = await peer.closing()
    assert closing.code == 1008
    assert not said


@pytest.mark.parametrize("method", ["health", "config.get", "device.pair.rename"])
async def test_a_request_in_the_segment_of_connect_ends_it(
    peer: RawPeer, shared_daemon: Daemon, method: str
) -> None:
    """Case 7, `connect` and a request in one TCP segment [close 1008, no handler ran, nothing answered]."""
    segment = frame(request("1", "connect", connect_params(shared_daemon.token)))
    async with peer:
        await peer.send(segment + frame(request("2", method, {"deviceId": "0" * 64, "label": NEEDLE})))
        closing, said = await peer.closing()
    assert closing.code == 1008
    assert not said


async def test_a_paired_device_must_wait_for_hello_too(shared_daemon: Daemon) -> None:
    """Case 7 for a known device: what it sends ahead of `hello-ok` never reaches a handler."""
    identity = DeviceKey()
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect(identity=identity)
    async with await RawPeer.open(shared_daemon.port) as peer:
        challenge = (await peer.receive())["payload"]
        params = connect_params(shared_daemon.token)
        params["device"] = identity.proof(params, challenge)
        rename = request("2", "device.pair.rename", {"deviceId": identity.id, "label": NEEDLE})
        await peer.send(frame(request("1", "connect", params)) + frame(rename))
        closing, said = await peer.closing()
    assert closing.code == 1008
    assert not said
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect()
        assert NEEDLE not in json.dumps(await client.call("device.pair.list"))
        own = {"deviceId": identity.id, "label": NEEDLE}
        await client.call("device.pair.rename", own)  # so that its absence above means something
        assert NEEDLE in json.dumps(await client.call("device.pair.list"))


async def test_a_request_split_over_the_hello_is_judged_after_it(shared_daemon: Daemon) -> None:
    """Case 7, the other side of it: half a frame before `hello-ok` and half after is an ordinary request."""
    async with await RawPeer.open(shared_daemon.port) as peer:
        await peer.receive()
        late = frame(request("2", "health"))
        connect = frame(request("1", "connect", connect_params(shared_daemon.token)))
        await peer.send(connect + late[:20])
        assert (await peer.answer("1"))["ok"]
        await peer.send(late[20:])
        assert (await peer.answer("2"))["ok"]


async def test_bytes_behind_the_upgrade_request_open_nothing(shared_daemon: Daemon) -> None:
    """Case 7, frames sent ahead of the upgrade's answer [no handler ran, nothing answered]."""
    async with await RawPeer.dial(shared_daemon.port) as peer:
        connect = frame(request("1", "connect", connect_params(shared_daemon.token)))
        await peer.send(upgrade() + connect + frame(request("2", "health")))
        async with asyncio.timeout(5):
            assert b"101" in await peer.reader.readuntil(b"\r\n\r\n")
        assert (await peer.receive())["event"] == "connect.challenge"
        await peer.send(frame(request("3", "health")))
        closing, said = await peer.closing()
    assert closing.code in {1002, 1008}
    assert not any(answer["ok"] for answer in said)


@pytest.mark.parametrize("name", ["Host", "Origin", "Authorization"])
@pytest.mark.parametrize("upgrading", [True, False])
async def test_a_header_that_decides_has_one_reading(
    shared_daemon: Daemon, name: str, upgrading: bool
) -> None:
    """Cases 2 and 3: `Host`, `Origin` or `Authorization` twice [400, whichever of the two is good]."""
    good = {"Host": "127.0.0.1", "Origin": shared_daemon.url, "Authorization": "Bearer x"}[name]
    twice = f"{good}\r\n{name}: evil.example"
    ask = upgrade(headers={name: twice}) if upgrading else b"GET /config HTTP/1.1\r\n"
    async with await RawPeer.dial(shared_daemon.port) as peer:
        if not upgrading:
            host = "" if name == "Host" else "Host: 127.0.0.1\r\n"
            ask += f"{host}{name}: {twice}\r\n\r\n".encode()
        await peer.send(ask)
        async with asyncio.timeout(5):
            status = (await peer.reader.readline()).split()[1]
    assert status == b"400"
    assert "Traceback" not in shared_daemon.stderr_text()


async def test_a_stranger_may_ping_and_gets_pongs_only(peer: RawPeer) -> None:
    """Case 7: control frames before `connect` are answered by the socket and reach nobody else."""
    async with peer:
        await peer.send(frame(b"are you there", PING))
        opcode, payload = await asyncio.wait_for(peer.next_frame(), 5)
        assert (opcode, payload) == (0xA, b"are you there")
