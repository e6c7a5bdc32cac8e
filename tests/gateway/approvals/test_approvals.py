"""Approvals over the running daemon: durable, decided once, shown in full (U5; case 39)."""

import asyncio

import pytest

from tests.support.daemon import Daemon
from tests.support.wire import RpcError, WireClient


async def operator(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


async def test_a_fresh_gateway_waits_for_nothing(shared_daemon: Daemon) -> None:
    client = await operator(shared_daemon)
    for kind in ("exec", "plugin", "openclaw"):
        assert await client.call(f"{kind}.approval.list", {}) == []
    await client.close()


async def test_a_request_is_shown_decided_once_and_remembered(shared_daemon: Daemon) -> None:
    asking, deciding = await operator(shared_daemon), await operator(shared_daemon)
    request = {
        "id": "ap-1",
        "command": "echo \u202ehi\x1b[2J",
        "agentId": "main",
        "sessionKey": "agent:main:main",
    }
    verdict = asyncio.gather(asking.call("exec.approval.request", request))
    requested = await deciding.wait_event("exec.approval.requested")
    assert requested["payload"]["id"] == "ap-1"
    shown = (await deciding.call("approval.get", {"id": "ap-1"}))["approval"]
    assert shown["presentation"]["commandText"] == "echo \\u202ehi\\u001b[2J"
    first = await deciding.call("approval.resolve", {"id": "ap-1", "kind": "exec", "decision": "allow-once"})
    second = await deciding.call("approval.resolve", {"id": "ap-1", "kind": "exec", "decision": "deny"})
    assert (first["applied"], second["applied"]) == (True, False)
    assert second["approval"]["decision"] == "allow-once"
    assert (await verdict)[0]["decision"] == "allow-once"
    history = await deciding.call("approval.history", {"limit": 10})
    assert [(item["id"], item["status"]) for item in history["items"]] == [("ap-1", "allowed")]
    with pytest.raises(RpcError, match="already allowed"):
        await deciding.call("exec.approval.resolve", {"id": "ap-1", "decision": "deny"})
    for client in (asking, deciding):
        await client.close()


async def test_a_pending_request_survives_kill_and_can_be_decided_after(daemon: Daemon) -> None:
    client = await operator(daemon)
    accepted = await client.call(
        "exec.approval.request", {"id": "ap-2", "commandArgv": ["rm", "-r", "a b"], "twoPhase": True}
    )
    assert accepted["status"] == "accepted"
    daemon.kill()
    daemon.launch()
    client = await operator(daemon)
    pending = await client.call("exec.approval.list", {})
    assert [row["id"] for row in pending] == ["ap-2"]
    view = await client.call("approval.get", {"id": "ap-2"})
    assert view["approval"]["presentation"]["commandText"] == "rm -r 'a b'"
    await client.call("exec.approval.resolve", {"id": "ap-2", "decision": "deny"})
    assert await client.call("exec.approval.list", {}) == []
    assert (await client.call("exec.approval.waitDecision", {"id": "ap-2"}))["decision"] == "deny"
    await client.close()


async def test_an_unanswered_request_expires(shared_daemon: Daemon) -> None:
    client = await operator(shared_daemon)
    verdict = await client.call("exec.approval.request", {"id": "ap-3", "command": "true", "timeoutMs": 50})
    assert verdict["decision"] is None
    assert (await client.call("approval.get", {"id": "ap-3"}))["approval"]["status"] == "expired"
    await client.close()


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("exec.approval.request", {}, "command"),
        ("exec.approval.request", {"command": "x", "id": "../x"}, "id"),
        ("approval.get", {"id": "nope"}, "no approval nope"),
        ("exec.approval.resolve", {"id": "nope", "decision": "maybe"}, "/decision"),
        ("approval.history", {"cursor": "garbage"}, "cursor"),
        ("approval.history", {"limit": 0}, "/limit"),
    ],
)
async def test_bad_requests_name_the_field(
    shared_daemon: Daemon, method: str, params: dict[str, object], words: str
) -> None:
    client = await operator(shared_daemon)
    with pytest.raises(RpcError, match=words) as refused:
        await client.call(method, params)
    assert refused.value.code == "INVALID_REQUEST"
    await client.close()
