"""Suggested tasks over the running daemon (wire set 4)."""

from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.wire import RpcError, WireClient

SUGGESTED: dict[str, Any] = {
    "title": "Tidy up",
    "prompt": "what is 2 * 21?",
    "tldr": "Tidy the room",
    "cwd": "/",
    "sessionKey": "agent:main:main",
}


async def operator(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


async def test_an_accepted_suggestion_is_worked_on_and_gone(shared_daemon: Daemon) -> None:
    async with await operator(shared_daemon) as client:
        created = await client.call("taskSuggestions.create", SUGGESTED)
        listed = await client.call("taskSuggestions.list", {})
        assert [row["id"] for row in listed["suggestions"]] == [created["taskId"]]
        accepted = await client.call("taskSuggestions.accept", {"taskId": created["taskId"]})
        run_id = created["taskId"]
        final = await client.wait_event(
            "chat", lambda payload: payload["runId"] == run_id and payload["state"] == "final"
        )
        assert final["payload"]["sessionKey"] == accepted["key"]
        assert "42" in str(final["payload"]["message"])
        assert (await client.call("taskSuggestions.list", {}))["suggestions"] == []
        with pytest.raises(RpcError, match="no suggestion"):
            await client.call("taskSuggestions.accept", {"taskId": created["taskId"]})


async def test_a_dismissed_suggestion_is_gone_and_others_are_told(shared_daemon: Daemon) -> None:
    async with await operator(shared_daemon) as client, await operator(shared_daemon) as other:
        created = await client.call("taskSuggestions.create", SUGGESTED)
        dismissed = await client.call("taskSuggestions.dismiss", {"taskId": created["taskId"]})
        assert dismissed["dismissed"] is True
        event = await other.wait_event("task.suggestion", lambda payload: payload["action"] == "resolved")
        assert event["payload"]["resolution"] == "dismissed"
        again = await client.call("taskSuggestions.dismiss", {"taskId": created["taskId"]})
        assert again["dismissed"] is False


async def test_a_mode_that_is_not_here_keeps_the_suggestion(shared_daemon: Daemon) -> None:
    async with await operator(shared_daemon) as client:
        created = await client.call("taskSuggestions.create", SUGGESTED)
        with pytest.raises(RpcError, match="mode: cloud"):
            await client.call("taskSuggestions.accept", {"taskId": created["taskId"], "mode": "cloud"})
        await client.call("taskSuggestions.dismiss", {"taskId": created["taskId"]})
