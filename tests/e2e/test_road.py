"""From a frame to an answer and back, against the running gateway (DC-4, S3.M0-1, S3.M0-3, S3.T-2)."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, RpcError, WireClient

Json = dict[str, Any]  # wire objects, unchecked

ENDS = ("final", "aborted", "error")


async def connected(daemon: Daemon, **overrides: Any) -> WireClient:
    """An operator's connection."""
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect(**overrides)
    return client


async def ended(client: WireClient, run_id: str, since: int = 0) -> Json:
    """The last `chat` event of a run."""
    frame = await client.wait_event(
        "chat", lambda p: p["runId"] == run_id and p["state"] in ENDS, since=since, timeout_s=20
    )
    return frame["payload"]


async def ask(client: WireClient, text: str, run_id: str, session_key: str) -> str:
    """Send a message and return the text of its answer."""
    params = {"sessionKey": session_key, "message": text, "idempotencyKey": run_id}
    await client.call("chat.send", params)
    end = await ended(client, run_id)
    assert end["state"] == "final", end
    return end["message"]["content"][0]["text"]


class TestConversation:
    """A conversation is no matter of a socket."""

    async def test_a_dropped_socket_loses_nothing_of_the_conversation(self, shared_daemon: Daemon) -> None:
        """S3.M0-1: the agent still knows turn 1 when the client comes back with the session key."""
        key = "agent:main:dropped"
        client = await connected(shared_daemon)
        await client.call(
            "chat.send",
            {"sessionKey": key, "message": "remember that my boat is called Zephyr", "idempotencyKey": "d1"},
        )
        await client.abort()
        async with await connected(shared_daemon) as again:
            assert (await again.call("agent.wait", {"runId": "d1"}))["status"] == "ok"
            history = await again.call("chat.history", {"sessionKey": key})
            roles = [message["role"] for message in history["messages"]]
            assert roles == ["user", "assistant", "toolResult", "assistant"]
            assert "Zephyr" in await ask(again, "what do I have about boat", "d2", key)

    async def test_two_clients_see_the_same_conversation(self, shared_daemon: Daemon) -> None:
        key = "agent:main:shared"
        tui = {"id": "openclaw-tui", "mode": "ui"}
        one = await connected(shared_daemon, client=tui, identity=DeviceKey())
        two = await connected(shared_daemon, client=tui, identity=DeviceKey())
        async with one, two:
            await two.call("sessions.messages.subscribe", {"key": key})
            await ask(one, "hello", "s1", key)
            seen = await ended(two, "s1")
            assert seen["state"] == "final"
            stored = [p["message"]["role"] for p in two.payloads("session.message")]
            assert stored == ["user", "assistant"]
            assert one.payloads("chat.send_timing")
            assert not two.payloads("chat.send_timing")


class TestShapes:
    """What recorded clients of OpenClaw 2026.9.6 rely on stays as it is (S3.T-2)."""

    async def test_the_frames_of_one_message(self, shared_daemon: Daemon) -> None:
        key = "agent:main:shapes"
        async with await connected(shared_daemon) as client:
            await client.call("sessions.subscribe", {})
            ack = await client.call(
                "chat.send",
                # As the TUI sends it, with a field its own published schema does not know.
                {
                    "sessionKey": key,
                    "message": "hello",
                    "deliver": False,
                    "idempotencyKey": "f1",
                    "fromTheFuture": {"x": 1},
                },
            )
            assert ack["runId"] == "f1"
            assert ack["status"] == "started"
            assert ack["serverTiming"]["receivedToAckMs"] >= 0
            await ended(client, "f1")
            chat = [p for p in client.payloads("chat") if p["runId"] == "f1"]
            for payload in chat:
                assert {"runId", "sessionKey", "agentId", "seq", "state"} <= set(payload)
                assert (payload["sessionKey"], payload["agentId"]) == (key, "main")
            deltas = [p for p in chat if p["state"] == "delta"]
            text = chat[-1]["message"]["content"][0]["text"]
            assert "".join(p["deltaText"] for p in deltas) == text
            assert [p["seq"] for p in chat] == sorted(p["seq"] for p in chat)
            agent = [p for p in client.payloads("agent") if p["runId"] == "f1"]
            for payload in agent:
                assert {"runId", "stream", "data", "sessionKey", "agentId", "seq", "ts"} <= set(payload)
                assert payload["isHeartbeat"] is False
            assert [p["seq"] for p in agent] == list(range(1, len(agent) + 1))
            end = next(p["data"] for p in agent if p["data"].get("phase") == "end")
            assert end["terminalReply"] == {"disposition": "visible", "text": text}

    async def test_a_history_page(self, shared_daemon: Daemon) -> None:
        key = "agent:main:pages"
        async with await connected(shared_daemon) as client:
            blank = await client.call("chat.history", {"sessionKey": key, "limit": 200, "maxBytes": 262_144})
            assert (blank["messages"], blank["hasMore"], blank["totalMessages"]) == ([], False, 0)
            assert "sessionId" not in blank
            assert blank["sessionInfo"]["activeLeafEntryId"] is None
            await ask(client, "hello", "p1", key)
            page = await client.call("chat.history", {"sessionKey": key})
            user, answer = page["messages"]
            assert (user["content"], user["idempotencyKey"]) == ("hello", "p1:user")
            assert answer["content"][0]["type"] == "text"
            assert answer["stopReason"] == "stop"
            assert {"input", "output", "totalTokens", "cost"} <= set(answer["usage"])
            assert [m["__openclaw"]["seq"] for m in page["messages"]] == [1, 2]
            assert answer["__openclaw"]["runId"] == "p1"
            whole = await client.call(
                "chat.message.get", {"sessionKey": key, "messageId": answer["__openclaw"]["id"]}
            )
            assert whole == {"ok": True, "message": answer}
            started = await client.call("chat.startup", {"sessionKey": key, "limit": 80})
            assert started["messages"] == page["messages"]
            assert started["metadata"]["models"][0]["id"]
            names = [command["name"] for command in started["metadata"]["commands"]]
            assert names == [c["name"] for c in (await client.call("commands.list", {}))["commands"]]


class TestAgentMethod:
    """Two answers on one request."""

    async def test_accepted_and_result(self, shared_daemon: Daemon) -> None:
        async with await connected(shared_daemon, caps=[]) as client:
            request = await client.request(
                "agent", {"message": "help", "agentId": "main", "idempotencyKey": "a1", "timeout": 600}
            )
            first = await client.response(request)
            assert first["payload"]["status"] == "accepted"
            second = await client.response(request, nth=2)
            assert second["ok"] is True
            assert second["payload"]["status"] == "ok"
            assert second["payload"]["result"]["payloads"][0]["text"]
            assert second["payload"]["result"]["payloads"][0]["mediaUrl"] is None
            tasks = [p["task"]["status"] for p in client.payloads("task")]
            assert (tasks[0], tasks[-1]) == ("queued", "completed")

    async def test_unusable_params_are_named(self, shared_daemon: Daemon) -> None:
        async with await connected(shared_daemon) as client:
            for params, where in (
                ({"message": "x"}, "idempotencyKey"),
                ({"message": "", "idempotencyKey": "e1"}, "/message"),
                ({"message": "x", "idempotencyKey": "e\n1"}, "/idempotencyKey"),
                ({"message": "x", "idempotencyKey": "e2", "agentId": "nobody"}, "agentId"),
                ({"message": "x", "idempotencyKey": "e3", "sessionKey": "a/../b"}, "sessionKey"),
            ):
                with pytest.raises(RpcError) as refused:
                    await client.call("agent", params)
                assert refused.value.code == "INVALID_REQUEST"
                assert where in refused.value.message


class TestTrace:
    """S3.M0-3: one trace id from the frame to the answer's log lines."""

    async def test_one_trace_from_frame_to_reply(self, daemon: Daemon) -> None:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        async with await connected(daemon) as client:
            frame = {
                "type": "req",
                "id": "trace-me",
                "method": "chat.send",
                "params": {"sessionKey": "main", "message": "help", "idempotencyKey": "t1"},
                "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
            }
            await client.send_raw(json.dumps(frame))
            await ended(client, "t1")
            lines: list[Json] = []
            for _ in range(50):
                log = (daemon.home / "logs" / "homarus.log").read_text(encoding="utf-8")
                lines = [line for line in map(json.loads, log.splitlines()) if line.get("trace") == trace]
                if any("is done" in line["message"] for line in lines):
                    break
                await asyncio.sleep(0.05)
        said = [line["message"] for line in lines]
        assert any("accepted" in text for text in said)
        assert any("begins" in text for text in said)
        assert any("is done" in text for text in said)
        assert {line.get("request") for line in lines} == {"trace-me"}


class TestAbort:
    """A stop is quick, whatever the agent does."""

    async def test_a_program_is_stopped_within_a_second(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        config = '[agents.entries.slow]\nruntime = "command"\nargv = ["sh", "-c", "echo begun; sleep 60"]\n'
        folder = tmp_path_factory.mktemp("slow")
        async with Daemon(folder, config=config) as daemon, await connected(daemon) as client:
            params = {"sessionKey": "agent:slow:main", "message": "x", "idempotencyKey": "k1"}
            await client.call("chat.send", params)
            await client.wait_event("chat", lambda p: p["state"] == "delta")
            began_s = time.monotonic()
            result = await client.call("chat.abort", {"sessionKey": "agent:slow:main"})
            assert time.monotonic() - began_s < 1.0
            assert (result["aborted"], result["runIds"]) == (True, ["k1"])
            end = await ended(client, "k1")
            assert (end["state"], end["stopReason"]) == ("aborted", "rpc")
            assert end["message"]["content"][0]["text"].strip() == "begun"
