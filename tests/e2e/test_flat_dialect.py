"""The flat dialect beside the framed one: same methods and road (rows DC-1, S3.I-1, S1.B-4)."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.daemon import Daemon
from tests.support.wire import WireClient

Message = dict[str, Any]


@asynccontextmanager
async def flat(
    daemon: Daemon, agent: str = "main", token: str | None = None
) -> AsyncGenerator[ClientConnection]:
    url = f"{daemon.ws_url}v1/agents/{agent}/stream"
    headers = {"Authorization": f"Bearer {token or daemon.token}"}
    async with connect(url, additional_headers=headers, compression=None) as socket:
        yield socket


async def heard(socket: ClientConnection, kind: str) -> Message:
    """The next message of a type; others in between are what a legacy client ignores."""
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


async def chatter(socket: ClientConnection) -> None:
    """Speak without listening, then listen to the end."""
    for _ in range(40):
        await socket.send(json.dumps({"type": "health", "content": "x" * 40_000}))
    while True:
        await socket.recv()


async def test_the_ack_comes_at_once_and_lists_what_hello_ok_lists(shared_daemon: Daemon) -> None:
    async with flat(shared_daemon) as socket:
        ack = json.loads(await socket.recv())
    wire = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    hello = await wire.connect()
    await wire.close()
    assert (ack["type"], ack["agentId"], ack["sessionId"]) == ("session.ack", "main", "agent:main:main")
    assert ack["capabilities"] == hello["features"]["capabilities"]
    assert ack["methods"] == hello["features"]["methods"]


async def test_what_is_said_before_the_ack_is_answered_after_it_and_is_bounded(shared_daemon: Daemon) -> None:
    """The upgrade carries the credential, so nothing tells a client to wait."""
    async with flat(shared_daemon) as socket:
        for number in ("1", "2"):
            await socket.send(json.dumps({"type": "health", "id": number}))
        kinds = [json.loads(await socket.recv()) for _ in range(3)]
        assert [(message["type"], message.get("id")) for message in kinds] == [
            ("session.ack", None),
            ("health.result", "1"),
            ("health.result", "2"),
        ]
    async with flat(shared_daemon, token="wrong-token-00000000000") as socket:
        with pytest.raises(ConnectionClosed):
            await chatter(socket)
        assert socket.close_code == 1008


async def test_a_sentence_is_answered_and_both_dialects_see_the_conversation(shared_daemon: Daemon) -> None:
    async with flat(shared_daemon) as socket:
        await heard(socket, "session.ack")
        await socket.send(json.dumps({"type": "session.send", "id": "7", "content": "what is 6 * 7?"}))
        accepted = await heard(socket, "session.send.result")
        assert (accepted["id"], accepted["ok"]) == ("7", True)
        text = ""
        while True:
            part = await heard(socket, "session.receive")
            text += part.get("delta", "")
            if part["final"]:
                break
        assert part["runId"] == accepted["payload"]["runId"]
        assert part["content"] == text
        assert "42" in text
    wire = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    await wire.connect()
    history = await wire.call("chat.history", {"sessionKey": "agent:main:main"})
    assert "what is 6 * 7?" in str(history["messages"])
    await wire.close()


async def test_sessions_are_opened_found_listed_and_closed(shared_daemon: Daemon) -> None:
    async with flat(shared_daemon) as socket:
        await heard(socket, "session.ack")
        results: dict[str, Message] = {}
        for kind in ("session.open", "session.get", "session.list", "session.close"):
            message = {"type": kind, "id": kind}
            if kind != "session.list":
                message["sessionId"] = "agent:main:flat-room"
            await socket.send(json.dumps(message))
            results[kind] = await heard(socket, f"{kind}.result")
        assert all(result["ok"] for result in results.values()), results
        keys = [row["key"] for row in results["session.list"]["payload"]["sessions"]]
        assert "agent:main:flat-room" in keys


async def test_ping_and_plain_methods_work_and_mistakes_keep_the_socket_open(shared_daemon: Daemon) -> None:
    async with flat(shared_daemon) as socket:
        await heard(socket, "session.ack")
        await socket.send('{"type":"ping","id":"p"}')
        assert await heard(socket, "pong") == {"type": "pong", "id": "p"}
        for bad, words in (
            ("[]", "invalid message"),
            ("{}", "/type"),
            ('{"type":"ping","id":{}}', "/id"),
            ("{", "invalid message"),
        ):
            await socket.send(bad)
            assert words in (await heard(socket, "error"))["message"]
        await socket.send('{"type":"config.get","id":"c"}')
        assert (await heard(socket, "config.get.result"))["ok"] is True
        await socket.send('{"type":"config.set","id":"d","raw":"{}"}')
        refused = await heard(socket, "config.set.result")
        assert refused["error"]["code"] == "FORBIDDEN"
        await socket.send('{"type":"health","id":"h"}')
        assert (await heard(socket, "health.result"))["ok"] is True


async def test_a_wrong_token_is_told_why_and_closed(shared_daemon: Daemon) -> None:
    async with flat(shared_daemon, token="wrong-token-00000000000") as socket:
        refused = json.loads(await socket.recv())
        assert refused["error"]["details"]["code"] == "AUTH_TOKEN_MISMATCH"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008
