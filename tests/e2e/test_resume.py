"""A client that negotiated `event-resume` misses and repeats nothing (R15, R16)."""

from typing import Any

from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, WireClient

RESUME = ["event-resume"]


async def connected(
    daemon: Daemon, identity: DeviceKey, resume: dict[str, Any] | None = None
) -> tuple[WireClient, dict[str, Any]]:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    hello = await client.connect(identity=identity, caps=RESUME, resume=resume)
    return client, hello


async def say(daemon: Daemon, text: str, key: str) -> None:
    """Another operator talks, and its answer is complete when this returns."""
    other = await WireClient.open(daemon.ws_url, token=daemon.token)
    await other.connect()
    await other.call("chat.send", {"sessionKey": "main", "message": text, "idempotencyKey": key})
    await other.wait_event("chat", lambda p: p.get("runId") == key and p.get("state") == "final")
    await other.close()


def chat_cursors(client: WireClient) -> list[int]:
    return [frame["cursor"] for frame in client.events if frame["event"] == "chat"]


async def test_nothing_is_missed_or_repeated_across_a_reconnect(daemon: Daemon) -> None:
    identity = DeviceKey()
    steady = await WireClient.open(daemon.ws_url, token=daemon.token)
    await steady.connect(identity=DeviceKey(), caps=RESUME)
    first, hello = await connected(daemon, identity)
    await say(daemon, "what is 1 + 1?", "run-1")
    await first.wait_event("chat", lambda p: p.get("runId") == "run-1" and p.get("state") == "final")
    cursor = max(frame["cursor"] for frame in first.events if "cursor" in frame)
    seen = chat_cursors(first)
    await first.close()
    await say(daemon, "what is 2 + 2?", "run-2")
    again, hello_again = await connected(
        daemon, identity, {"epoch": hello["resume"]["epoch"], "cursor": cursor}
    )
    assert hello_again["resume"]["resumed"] is True
    await say(daemon, "what is 3 + 3?", "run-3")
    for client in (again, steady):
        await client.wait_event("chat", lambda p: p.get("runId") == "run-3" and p.get("state") == "final")
    assert seen + chat_cursors(again) == chat_cursors(steady)
    for client in (again, steady):
        await client.close()


async def test_a_restart_cannot_be_resumed_and_is_marked_as_a_gap(daemon: Daemon) -> None:
    identity = DeviceKey()
    client, hello = await connected(daemon, identity)
    await client.close()
    daemon.kill()
    daemon.launch()
    again, hello_again = await connected(daemon, identity, {"epoch": hello["resume"]["epoch"], "cursor": 0})
    assert hello_again["resume"]["resumed"] is False
    assert hello_again["resume"]["epoch"] != hello["resume"]["epoch"]
    gap = await again.wait_event("events.gap")
    assert gap["payload"]["after"] == 0
    await again.close()


async def test_clients_that_did_not_negotiate_see_plain_openclaw(daemon: Daemon) -> None:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    hello = await client.connect()
    await say(daemon, "hello", "run-1")
    await client.wait_event("chat", lambda p: p.get("state") == "final")
    assert "resume" not in hello
    assert all("cursor" not in frame for frame in client.events)
    await client.close()
