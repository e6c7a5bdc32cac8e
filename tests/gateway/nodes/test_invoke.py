"""`node.invoke` and what nodes answer: once per key, within its time, with errors in both places.

Rows S0.3-4, S1.B-9. Shapes and codes: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md
(2026.9.6) and observed answers.
"""

import json
from collections.abc import AsyncIterator

import pytest

from tests.gateway.nodes.house import READ, WRITE, begin, failed, operator, refusal
from tests.support.daemon import Daemon
from tests.support.nodes import IPHONE, Failure, ScriptedNode, described, invoke
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

COMMANDS = ["device.info", "device.status", "system.run", "system.which", "fs.listDir", "camera.list"]


@pytest.fixture
async def node(shared_daemon: Daemon, admin: WireClient) -> AsyncIterator[ScriptedNode]:
    """An approved node that answers nothing by itself."""
    async with ScriptedNode(shared_daemon, commands=COMMANDS) as node:
        await node.approved_by(admin)
        yield node


async def test_the_node_is_asked_what_the_caller_asks(admin: WireClient, node: ScriptedNode) -> None:
    params = {"path": "/tmp/é", "deep": [1, {"n": None}]}
    call = {
        "nodeId": node.id,
        "command": "device.info",
        "params": params,
        "timeoutMs": 9000,
        "idempotencyKey": "the-key",
        "sessionKey": "agent:main:main",
    }
    request_id = await admin.request("node.invoke", call)
    asked = await node.next_request()
    assert json.loads(asked["paramsJSON"]) == params
    assert 0 < asked["timeoutMs"] <= 9000
    assert set(asked) == {
        "id",
        "nodeId",
        "command",
        "paramsJSON",
        "timeoutMs",
        "idempotencyKey",
        "sessionKey",
    }
    assert (asked["nodeId"], asked["command"]) == (node.id, "device.info")
    assert (asked["idempotencyKey"], asked["sessionKey"]) == ("the-key", "agent:main:main")
    assert await node.answer(asked, {"ok": "é"}) == {"ok": True}
    answer = (await admin.response(request_id))["payload"]
    assert answer == {
        "ok": True,
        "nodeId": node.id,
        "command": "device.info",
        "payload": {"ok": "é"},
        "payloadJSON": json.dumps({"ok": "é"}),
    }


async def test_without_params_none_are_sent(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    assert asked.get("paramsJSON") is None
    assert 29_000 < asked["timeoutMs"] <= 30_000, "the default"
    await node.answer(asked)
    await admin.response(request_id)


@pytest.mark.parametrize("payload", [None, {"a": 1}, [1, 2], "text", 7, True, {"big": "x" * 100_000}])
async def test_a_payload_comes_through_in_both_spellings(
    admin: WireClient, node: ScriptedNode, payload: object
) -> None:
    for as_text in (True, False):
        request_id = await begin(admin, node, "device.info")
        asked = await node.next_request()
        spelled = {"payloadJSON": json.dumps(payload)} if as_text else {"payload": payload}
        frame = {"id": asked["id"], "nodeId": node.id, "ok": True, **spelled}
        await node.wire.call("node.invoke.result", frame)
        answer = (await admin.response(request_id))["payload"]
        assert answer["payload"] == payload
        assert answer["payloadJSON"] == (json.dumps(payload) if as_text else None)


async def test_members_that_are_null_are_as_if_absent(admin: WireClient, node: ScriptedNode) -> None:
    """Swift nodes write every member."""
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    frame = {"id": asked["id"], "nodeId": node.id, "ok": True, "payload": {"a": 1}}
    await node.wire.call("node.invoke.result", {**frame, "payloadJSON": None, "error": None})
    assert (await admin.response(request_id))["payload"]["payload"] == {"a": 1}


async def test_a_nodes_error_is_in_both_places(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    await node.answer(await node.next_request(), Failure("DEVICE_LOCKED", "unlock it first"))
    error = await failed(admin, request_id)
    assert (error.code, error.message) == ("UNAVAILABLE", "DEVICE_LOCKED: unlock it first")
    assert error.details == {
        "nodeError": {"code": "DEVICE_LOCKED", "message": "unlock it first"},
        "nodeCommandDispatched": True,
    }
    request_id = await begin(admin, node, "camera.list")
    await node.answer(await node.next_request(), Failure("CAMERA_DISABLED", "CAMERA_DISABLED: off"))
    error = await failed(admin, request_id)
    assert (error.code, error.message) == ("INVALID_REQUEST", "CAMERA_DISABLED: off")
    assert error.details["code"] == "CAMERA_DISABLED"
    request_id = await begin(admin, node, "device.info")
    await node.answer(await node.next_request(), Failure("LONG", "y" * 300_000))
    assert len((await failed(admin, request_id)).message) < 20_000


# Keys


async def test_a_repeat_with_the_same_key_gets_the_first_answer(
    shared_daemon: Daemon, admin: WireClient, node: ScriptedNode
) -> None:
    call = {"nodeId": node.id, "command": "device.info", "params": {"a": 1}, "idempotencyKey": node.id}
    first_id = await admin.request("node.invoke", call, request_id="first")
    asked = await node.next_request()
    second_id = await admin.request("node.invoke", call, request_id="second")
    async with await operator(shared_daemon) as again:  # the same program after a broken line
        third_id = await again.request("node.invoke", call, request_id="third")
        await node.answer(asked, {"n": 1})
        first = (await admin.response(first_id))["payload"]
        assert first["payload"] == {"n": 1}
        assert (await admin.response(second_id))["payload"] == first
        assert (await again.response(third_id))["payload"] == first
        assert await again.call("node.invoke", call) == first
    assert len(node.seen) == 1


@pytest.mark.parametrize("change", [{"command": "device.status"}, {"params": {"a": 2}}, {"params": None}])
async def test_a_key_stands_for_one_command(admin: WireClient, node: ScriptedNode, change: Json) -> None:
    call = {"nodeId": node.id, "command": "device.info", "params": {"a": 1}, "idempotencyKey": node.id}
    request_id = await admin.request("node.invoke", call)
    other = {name: value for name, value in {**call, **change}.items() if value is not None}
    asked = await node.next_request()
    for _ in range(2):  # while it is under way, and after
        error = await refusal(admin.call("node.invoke", other))
        assert (error.code, error.details["code"]) == ("INVALID_REQUEST", "CONFLICT")
        assert error.details["field"] == "idempotencyKey"
        if asked is not None:
            await node.answer(asked)
            await admin.response(request_id)
            asked = None
    assert len(node.seen) == 1


async def test_keys_of_different_callers_are_different(
    shared_daemon: Daemon, admin: WireClient, node: ScriptedNode
) -> None:
    call = {"nodeId": node.id, "command": "device.info", "idempotencyKey": node.id}
    async with await operator(shared_daemon, WRITE, READ, client={"id": "openclaw-macos"}) as other:
        refused = await refusal(other.call("node.invoke", call))
        assert refused.code == "FORBIDDEN", "a client without a device has no scopes"
    one_id = await admin.request("node.invoke", call)
    await node.answer(await node.next_request(), {"n": 1})
    assert (await admin.response(one_id))["payload"]["payload"] == {"n": 1}

    async with await operator(shared_daemon, WRITE, READ, identity=DeviceKey()) as other:
        two_id = await other.request("node.invoke", call)
        await node.answer(await node.next_request(), {"n": 2})
        assert (await other.response(two_id))["payload"]["payload"] == {"n": 2}


async def test_what_failed_may_be_asked_again(admin: WireClient, node: ScriptedNode) -> None:
    call = {"nodeId": node.id, "command": "device.info", "idempotencyKey": node.id}
    request_id = await admin.request("node.invoke", call)
    await node.answer(await node.next_request(), Failure("BUSY", "later"))
    await failed(admin, request_id)
    request_id = await admin.request("node.invoke", call, request_id="again")
    asked = await node.next_request()
    assert asked["idempotencyKey"] == node.id, "the node can tell that it is the same"
    await node.answer(asked, {"n": 2})
    assert (await admin.response(request_id))["payload"]["payload"] == {"n": 2}


async def test_a_large_answer_is_not_done_twice_either(admin: WireClient, node: ScriptedNode) -> None:
    call = {"nodeId": node.id, "command": "device.info", "idempotencyKey": node.id}
    request_id = await admin.request("node.invoke", call)
    await node.answer(await node.next_request(), {"big": "x" * 10_000})
    assert (await admin.response(request_id))["ok"] is True
    error = await refusal(admin.call("node.invoke", call))
    assert error.details["code"] == "CONFLICT"
    assert "too large to keep" in error.message
    assert len(node.seen) == 1


# Time


async def test_a_node_that_never_answers_is_given_up_and_told_so(
    admin: WireClient, node: ScriptedNode
) -> None:
    request_id = await begin(admin, node, "device.info", timeoutMs=200)
    asked = await node.next_request()
    error = await failed(admin, request_id)
    assert (error.code, error.message) == ("UNAVAILABLE", "TIMEOUT: node invoke timed out")
    assert error.details["code"] == "TIMEOUT"
    assert await node.cancelled(asked) == {"invokeId": asked["id"], "nodeId": node.id}
    assert await node.answer(asked, {"late": True}) == {"ok": True, "ignored": True}
    assert await node.progress(asked, 0, "late") == {"ok": True, "ignored": True}


async def test_an_app_that_knows_no_cancel_is_not_sent_one(shared_daemon: Daemon, admin: WireClient) -> None:
    async with ScriptedNode(shared_daemon, commands=["device.info"], client=IPHONE) as node:
        await node.approved_by(admin)
        await refusal(invoke(admin, node, "device.info", timeoutMs=50))
        answered = await begin(admin, node, "device.info")
        await node.next_request()
        await node.answer(await node.next_request())  # whatever came before it has arrived
        await admin.response(answered)
        assert not node.wire.payloads("node.invoke.cancel")


async def test_no_time_at_all_means_no_deadline(admin: WireClient, node: ScriptedNode) -> None:
    """OpenClaw sets no timer for 0; here a day is the longest."""
    request_id = await begin(admin, node, "device.info", timeoutMs=0)
    asked = await node.next_request()
    assert asked["timeoutMs"] > 23 * 3_600_000
    await node.answer(asked)
    assert (await admin.response(request_id))["ok"] is True
    error = await refusal(invoke(admin, node, "device.info", timeoutMs=86_400_001))
    assert "timeoutMs" in error.message


async def test_a_node_that_leaves_ends_what_it_was_asked(admin: WireClient, node: ScriptedNode) -> None:
    open_ids = [await begin(admin, node, "device.info") for _ in range(3)]
    for _ in open_ids:
        await node.next_request()
    await node.drop()
    for request_id in open_ids:
        error = await failed(admin, request_id)
        assert (error.code, error.details["code"]) == ("UNAVAILABLE", "DISCONNECTED")
    error = await refusal(invoke(admin, node, "device.info"))
    assert (error.code, error.message) == ("UNAVAILABLE", "node not connected")
    assert error.details["code"] == "NOT_CONNECTED"


async def test_a_newer_connection_takes_a_nodes_place(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    newer = ScriptedNode(node.gateway, key=node.key, commands=["device.info"], answers={"device.info": 2})
    async with newer:
        assert (await failed(admin, request_id)).details["code"] == "DISCONNECTED"
        code, reason = await node.wire.closed()
        assert (code, reason) == (4000, "replaced by a newer one")
        assert (await newer.answer(asked, {"stolen": True})) == {"ok": True, "ignored": True}
        assert (await invoke(admin, newer, "device.info"))["payload"] == 2
        assert (await described(admin, node.id))["connected"] is True


async def test_a_node_that_wakes_up_is_asked_again(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    for _ in range(2):
        await node.answer(await node.next_request(), Failure("NODE_NOT_READY", "booting"))
    await node.answer(await node.next_request(), {"awake": True})
    assert (await admin.response(request_id))["payload"]["payload"] == {"awake": True}
    assert len({asked["id"] for asked in node.seen}) == 3
    remaining = [asked["timeoutMs"] for asked in node.seen]
    assert remaining == sorted(remaining, reverse=True)
    assert remaining[0] > remaining[-1], "each carries what is left of the time"


async def test_a_node_that_stays_asleep_is_not_asked_for_ever(admin: WireClient, node: ScriptedNode) -> None:
    node.answers["device.info"] = Failure("NODE_NOT_READY", "booting")
    error = await refusal(invoke(admin, node, "device.info"))
    assert error.details["nodeError"]["code"] == "NODE_NOT_READY"
    assert len(node.seen) == 5, "once, and four times more"


async def test_work_that_had_begun_is_not_begun_again(admin: WireClient, node: ScriptedNode) -> None:
    request_id = await begin(admin, node, "device.info")
    asked = await node.next_request()
    await node.progress(asked, 0, "working")
    await node.answer(asked, Failure("NODE_NOT_READY", "but it had begun"))
    assert (await failed(admin, request_id)).details["nodeError"]["code"] == "NODE_NOT_READY"
    assert len(node.seen) == 1


async def test_more_than_64_open_commands_are_refused_at_once(admin: WireClient, node: ScriptedNode) -> None:
    open_ids = [await begin(admin, node, "device.info") for _ in range(64)]
    requests = [await node.next_request() for _ in open_ids]
    error = await refusal(invoke(admin, node, "device.info"))
    assert (error.code, error.details["code"], error.retryable) == ("UNAVAILABLE", "NODE_BUSY", True)
    await node.answer(requests[0])
    await admin.response(open_ids[0])
    request_id = await begin(admin, node, "device.info")
    requests.append(await node.next_request())
    for request in requests[1:]:
        await node.answer(request)
    assert (await admin.response(request_id))["ok"] is True


# Who may ask for what


async def test_administrative_commands_take_an_admin(shared_daemon: Daemon, node: ScriptedNode) -> None:
    async with await operator(shared_daemon, WRITE, READ) as helper:
        error = await refusal(invoke(helper, node, "fs.listDir", params={"path": "/"}))
        assert (error.code, error.details["missingScope"]) == ("FORBIDDEN", "operator.admin")
    async with await operator(shared_daemon, READ) as reader:
        error = await refusal(invoke(reader, node, "device.info"))
        assert (error.code, error.details["missingScope"]) == ("FORBIDDEN", WRITE)
    assert not node.seen


@pytest.mark.parametrize("command", ["system.execApprovals.get", "system.execApprovals.set"])
async def test_a_nodes_own_rules_have_their_own_methods(
    admin: WireClient, node: ScriptedNode, command: str
) -> None:
    error = await refusal(invoke(admin, node, command))
    assert error.code == "INVALID_REQUEST"
    assert "exec.approvals.node.get" in error.message
    assert not node.seen


@pytest.mark.parametrize(
    "forged",
    [
        {"approved": True},
        {"approved": False},
        {"approvalDecision": "allow-always"},
        {"approvalSource": "user"},
        {"systemRunPlan": {"argv": ["id"]}},
    ],
)
async def test_nobody_but_the_gateway_says_that_a_run_was_approved(
    admin: WireClient, node: ScriptedNode, forged: Json
) -> None:
    error = await refusal(invoke(admin, node, "system.run", params={"command": ["id"], **forged}))
    assert error.code == "INVALID_REQUEST"
    assert error.details["field"] == f"params/{next(iter(forged))}"
    assert not node.seen


async def test_a_run_gets_an_id_that_the_gateway_issued(admin: WireClient, node: ScriptedNode) -> None:
    params = {"command": ["id"], "runId": "mine", "timeoutMs": 5}
    request_id = await begin(admin, node, "system.run", params=params)
    asked = await node.next_request()
    sent = json.loads(asked["paramsJSON"])
    assert sent.pop("runId") not in {"mine", ""}
    assert sent == {"command": ["id"], "timeoutMs": 5}
    await node.answer(asked)
    assert (await admin.response(request_id))["ok"] is True
    error = await refusal(invoke(admin, node, "system.run", params=["id"]))
    assert error.details["field"] == "params"


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"idempotencyKey": None}, "idempotencyKey"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "k" * 129}, "idempotencyKey"),
        ({"command": ""}, "command"),
        ({"nodeId": 5}, "nodeId"),
        ({"timeoutMs": -1}, "timeoutMs"),
        ({"timeoutMs": 1.5}, "timeoutMs"),
        ({"sessionKey": ""}, "sessionKey"),
    ],
)
async def test_bad_input_names_its_field(
    admin: WireClient, node: ScriptedNode, call: Json, field: str
) -> None:
    good = {"nodeId": node.id, "command": "device.info", "idempotencyKey": "k"}
    params = {name: value for name, value in {**good, **call}.items() if value is not None}
    error: RpcError = await refusal(admin.call("node.invoke", params))
    assert error.code == "INVALID_REQUEST"
    assert field in error.message
    assert not node.seen
