"""The wire client reports a gateway that breaks a promise about frames."""

import json
from collections.abc import Sequence

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.support.wire import Closed, RpcError, WireClient

CHALLENGE = json.dumps({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}})


def event(seq: int) -> str:
    """A `tick` frame."""
    return json.dumps({"type": "event", "event": "tick", "payload": {"ts": seq}, "seq": seq})


async def talk(frames: Sequence[str | bytes]) -> WireClient:
    """A client of a server that says `frames` after the challenge and closes with 1012, read to the end."""

    async def speak(socket: ServerConnection) -> None:
        for frame in (CHALLENGE, *frames):
            await socket.send(frame)
        await socket.close(1012, "service restart")

    async with serve(speak, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = await WireClient.open(f"ws://127.0.0.1:{port}/")
        assert await client.closed() == (1012, "service restart")
    return client


async def test_contiguous_events_pass() -> None:
    client = await talk([event(1), event(2)])
    assert [payload["ts"] for payload in client.payloads("tick")] == [1, 2]
    assert (await client.wait_event("tick", since=client.mark() - 1))["seq"] == 2
    await client.close()


@pytest.mark.parametrize("seqs", [[2], [1, 3], [1, 1]])
async def test_a_gap_or_repeat_in_seq_fails(seqs: list[int]) -> None:
    with pytest.raises(AssertionError, match="event seq"):
        await talk([event(seq) for seq in seqs])


async def test_a_binary_frame_fails() -> None:
    with pytest.raises(AssertionError, match="text frames only"):
        await talk([b"{}"])


async def test_both_answers_on_one_id_are_kept() -> None:
    ok = {"type": "res", "id": "1", "ok": True, "payload": {"status": "accepted"}}
    failed = {"type": "res", "id": "1", "ok": False, "error": {"code": "UNAVAILABLE", "message": "gone"}}
    client = await talk([json.dumps(ok), json.dumps(failed)])
    assert await client.response("1") == ok
    assert await client.response("1", nth=2) == failed
    assert RpcError(failed).code == "UNAVAILABLE"
    with pytest.raises(Closed, match="1012"):
        await client.response("1", nth=3)
