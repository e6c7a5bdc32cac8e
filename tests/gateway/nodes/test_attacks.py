"""Nodes that lie, shout or speak for others (case 40; issue 3 "Bad input").

A node may only speak about itself, about what it was asked, once, and in time.
"""

import json
from collections.abc import AsyncIterator

import pytest

from tests.gateway.nodes.house import ELSEWHERE, begin, failed, operator, refusal
from tests.support.daemon import Daemon
from tests.support.nodes import MAC, ScriptedNode, described, invoke, pending_request
from tests.support.wire import Closed, Json, WireClient

INFO = ["device.info"]


@pytest.fixture
async def node(shared_daemon: Daemon, admin: WireClient) -> AsyncIterator[ScriptedNode]:
    """The node that is asked."""
    async with ScriptedNode(shared_daemon, commands=INFO) as node:
        await node.approved_by(admin)
        yield node


@pytest.fixture
async def other(shared_daemon: Daemon, admin: WireClient) -> AsyncIterator[ScriptedNode]:
    """Another approved node of the same household."""
    async with ScriptedNode(shared_daemon, commands=INFO) as node:
        await node.approved_by(admin)
        yield node


async def test_40_another_nodes_result_counts_for_nothing(
    admin: WireClient, node: ScriptedNode, other: ScriptedNode
) -> None:
    """The other node knows the id, say from a log; neither under its own name nor under the right one."""
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    assert await other.answer(asked, {"forged": 1}, nodeId=other.id) == {"ok": True, "ignored": True}
    error = await refusal(other.answer(asked, {"forged": 2}))
    assert (error.code, error.message) == ("INVALID_REQUEST", "nodeId mismatch")
    forged: Json = {"invokeId": asked["id"], "seq": 0, "chunk": "forged"}
    answered = await other.wire.call("node.invoke.progress", {**forged, "nodeId": other.id})
    assert answered == {"ok": True, "ignored": True}
    error = await refusal(other.wire.call("node.invoke.progress", {**forged, "nodeId": node.id}))
    assert error.message == "nodeId mismatch"
    await node.answer(asked, {"true": 1})
    assert (await admin.response(request_id))["payload"]["payload"] == {"true": 1}


async def test_40_unknown_ids_are_ignored(node: ScriptedNode) -> None:
    invented: Json = {"id": "invented", "nodeId": node.id}
    assert await node.answer(invented, {"x": 1}) == {"ok": True, "ignored": True}
    assert await node.progress(invented, 0, "x") == {"ok": True, "ignored": True}


async def test_a_wrong_node_id_in_ones_own_answer_is_named(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    error = await refusal(node.answer(asked, {"x": 1}, nodeId="somebody"))
    assert (error.message, error.details["field"]) == ("nodeId mismatch", "nodeId")
    await node.answer(asked, {"x": 2})
    assert (await admin.response(request_id))["payload"]["payload"] == {"x": 2}


async def test_only_the_first_answer_counts(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    ids = [
        await node.wire.request("node.invoke.result", node.result(asked, {"n": n}), request_id=f"r{n}")
        for n in range(3)
    ]
    taken = [(await node.wire.response(one))["payload"] for one in ids]
    assert taken == [{"ok": True}, {"ok": True, "ignored": True}, {"ok": True, "ignored": True}]
    assert (await admin.response(request_id))["payload"]["payload"] == {"n": 0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "{'a': 1}",
        "nul",
        "1 2",
        '{"a": NaN}',
        "[" * 100_000,
        '"\\ud800"',  # half a character has no UTF-8 form
        "\x00",
        '{"a": 1}}',
    ],
)
async def test_an_answer_that_is_no_json_fails_at_once(
    admin: WireClient, node: ScriptedNode, text: str
) -> None:
    """The caller need not wait for the end of the deadline, and never gets broken JSON."""
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    error = await refusal(node.answer(asked, payloadJSON=text))
    assert (error.code, error.details["field"]) == ("INVALID_REQUEST", "payloadJSON")
    told = await failed(admin, request_id)
    assert (told.code, told.details["code"]) == ("UNAVAILABLE", "ANSWER_UNREADABLE")
    assert (await admin.call("health", {}))["ok"] is True


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "[" * 500 + "]" * 500, "1e400", "-0"])
async def test_odd_json_is_passed_on_as_it_came(admin: WireClient, node: ScriptedNode, text: str) -> None:
    request_id = await begin(admin, node, "device.info")
    await node.answer(await node.next_request(), payloadJSON=text)
    answer = await admin.response(request_id)
    assert answer["payload"]["payloadJSON"] == text
    assert json.dumps(answer["payload"]["payload"]) == json.dumps(json.loads(text))


async def test_progress_that_is_too_large_or_misnumbered_is_refused(
    admin: WireClient, node: ScriptedNode
) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    assert "chunk" in (await refusal(node.progress(asked, 0, "x" * 16_385))).message
    assert "seq" in (await refusal(node.progress(asked, -1, "x"))).message
    for seq in (0, 7, 1, 1, 2**53):
        assert (await node.progress(asked, seq, "x" * 16_384))["ok"] is True
    await node.answer(asked, {"x": 1})
    assert (await admin.response(request_id))["ok"] is True


async def test_an_answer_over_the_limit_ends_the_node_and_not_the_gateway(
    admin: WireClient, node: ScriptedNode
) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    with pytest.raises(Closed):
        await node.answer(asked, "x" * 26_300_000)
    assert node.wire.close_code == 1009
    assert (await failed(admin, request_id)).details["code"] == "DISCONNECTED"
    assert (await described(admin, node.id))["connected"] is False
    await node.drop()  # half of a frame is still on its way out


async def test_a_large_answer_under_the_limit_arrives(admin: WireClient, node: ScriptedNode) -> None:
    """A picture of 12 MB, in base64."""
    picture = "x" * 16_000_000
    request_id = await begin(admin, node, "device.info")
    await node.answer(await node.next_request(), {"base64": picture})
    answer = await admin.response(request_id, timeout_s=30.0)
    assert answer["payload"]["payload"]["base64"] == picture


# Lies about itself


async def test_a_new_platform_does_not_widen_what_was_approved(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    """On this machine the description may change; the table of the new platform holds, and approval stays."""
    node = ScriptedNode(shared_daemon, commands=["system.notify", "system.run"])
    async with node:
        await node.approved_by(admin)
        node.client = {**node.client, "platform": "Android 15", "deviceFamily": "Android"}
        node.commands = ["system.notify", "system.run", "contacts.search"]
        await node.connect()
        row = await described(admin, node.id)
        assert row["commands"] == ["system.notify"], "a phone runs no programs, whatever it was before"
        assert (await pending_request(admin, node.id))["commands"] == ["contacts.search", "system.notify"]
        refused = await refusal(invoke(admin, node, "system.run", params={"command": ["id"]}))
        assert refused.details["reason"] == "command not allowlisted"


async def test_a_family_that_does_not_fit_gets_a_strangers_table(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    client = {**MAC, "deviceFamily": "Linux"}
    commands = ["system.notify", "system.run", "screen.snapshot"]
    async with ScriptedNode(shared_daemon, commands=commands, client=client) as node:
        assert (await pending_request(admin, node.id))["commands"] == ["system.notify"]


async def test_from_elsewhere_a_changed_platform_is_another_device(proxied: Daemon) -> None:
    node = ScriptedNode(proxied, commands=["system.notify"], headers=ELSEWHERE)
    async with await operator(proxied) as admin:
        waits = await refusal(node.connect())
        await admin.call("device.pair.approve", {"requestId": waits.details["requestId"]})
        async with node:
            await node.approved_by(admin)
            node.client = {**node.client, **MAC}
            error = await refusal(node.connect())
            assert (error.details["code"], error.details["reason"]) == (
                "PAIRING_REQUIRED",
                "metadata-upgrade",
            )
            await refusal(node.connect(auth={"deviceToken": node.device_token}))


async def test_a_claim_is_bounded(shared_daemon: Daemon) -> None:
    for claim, field in (
        ({"commands": ["c"] * 513}, "commands"),
        ({"commands": ["c" * 513]}, "commands"),
        ({"commands": [""]}, "commands"),
        ({"caps": ["c"] * 129}, "caps"),
        ({"permissions": {"camera": "yes"}}, "permissions"),
    ):
        error = await refusal(ScriptedNode(shared_daemon).connect(**claim))
        assert error.code == "INVALID_REQUEST"
        assert field in error.message


# Roles


@pytest.mark.parametrize(
    "method",
    [
        *("node.list", "node.describe", "node.rename", "node.invoke", "node.pair.list"),
        *("node.pair.approve", "node.pair.reject", "node.pair.remove", "exec.approvals.node.get"),
        *("exec.approvals.node.set", "device.pair.list", "config.get", "system-presence", "chat.send"),
        *("voicewake.get", "exec.approval.resolve"),
    ],
)
async def test_a_node_calls_nothing_of_operators(node: ScriptedNode, method: str) -> None:
    error = await refusal(node.wire.call(method, {"nodeId": node.id, "requestId": "x"}))
    assert error.code == "INVALID_REQUEST"
    # What no feature serves yet is unknown to everybody.
    assert error.message in {"unauthorized role: node", f"unknown method: {method}"}


@pytest.mark.parametrize(
    "method",
    [
        *("node.invoke.result", "node.invoke.progress", "node.event", "node.skills.update"),
        *("node.pluginTools.update", "node.runnerInventory.update"),
    ],
)
async def test_an_operator_calls_nothing_of_nodes(admin: WireClient, method: str) -> None:
    error = await refusal(admin.call(method, {"id": "x", "nodeId": "x", "ok": True, "event": "x"}))
    assert (error.code, error.message) == ("INVALID_REQUEST", "unauthorized role: operator")


async def test_a_node_without_a_device_is_nobody(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as wire:
        error = await refusal(
            wire.connect(role="node", scopes=[], client={"id": "node-host", "mode": "node"})
        )
        assert error.details["code"] == "DEVICE_IDENTITY_REQUIRED"
        await wire.closed()


async def test_scopes_make_no_operator_of_a_node(shared_daemon: Daemon) -> None:
    node = ScriptedNode(shared_daemon)
    hello = await node.connect(scopes=["operator.admin"])
    assert hello["auth"]["scopes"] == []
    assert (await refusal(node.wire.call("node.list", {}))).message == "unauthorized role: node"
    await node.close()


async def test_a_node_of_the_version_before_is_served(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(shared_daemon, commands=INFO, answers={"device.info": {"old": True}})
    hello = await node.connect(minProtocol=3, maxProtocol=3)
    assert hello["protocol"] == 3
    async with node:
        await node.approved_by(admin)
        assert (await invoke(admin, node, "device.info"))["payload"] == {"old": True}
    error = await refusal(node.connect(minProtocol=2, maxProtocol=2))
    assert error.details["code"] == "PROTOCOL_MISMATCH"


async def test_nodes_hear_only_what_is_for_them(
    admin: WireClient, node: ScriptedNode, other: ScriptedNode
) -> None:
    """Not what operators hear, and not what another node is asked or told."""
    request_id = await begin(admin, other, "device.info")
    await other.answer(await other.next_request())
    await admin.response(request_id)
    await admin.call("node.rename", {"nodeId": other.id, "displayName": "other"})
    await admin.call("node.pair.remove", {"nodeId": other.id})
    await node.event("node.host.stats", {"cpuCount": 1, "memoryTotalBytes": 1, "memoryFreeBytes": 1})
    await admin.wait_event("node.hostStats", lambda payload: payload["nodeId"] == node.id)
    heard = {frame["event"] for frame in node.wire.events}
    assert heard <= {"connect.challenge", "node.pair.resolved", "tick"}
    assert all(payload["nodeId"] == node.id for payload in node.wire.payloads("node.pair.resolved"))
