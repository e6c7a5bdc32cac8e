"""Durable work for nodes: its receipts, order, bounds and refusals, against the shipped daemon (S0.3-14)."""

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.nodes.ledger_node import COMMAND, LedgerNode, Rig
from tests.support.daemon import Daemon
from tests.support.nodes import Failure, ScriptedNode
from tests.support.wire import DeviceKey, Json, RpcError

ANDROID: Json = {
    "id": "openclaw-android",
    "platform": "Android 15 (SDK 35)",
    "deviceFamily": "Android",
    "displayName": "android",
}


async def finish(node: LedgerNode, *, acknowledge: bool = False) -> Json:
    """Let the node do the next piece it is sent."""
    request = await node.next_request()
    if acknowledge:
        await node.ack(request["id"])
    node.do(request)
    await node.report(request["id"])
    return request


async def test_operators_see_every_step_with_its_time(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        mark = rig.admin.mark()
        submitted = await rig.submit(node)
        assert submitted["state"] == "queued"
        assert json.loads(submitted["paramsJSON"]) == {"title": "hello", "body": "b"}
        await finish(node, acknowledge=True)
        done = await rig.reached(submitted["id"], "done")
        steps = rig.admin.payloads("node.work", mark)
        assert [step["state"] for step in steps] == ["queued", "delivered", "acknowledged", "done"]
        assert [len(step) for step in steps] == sorted(len(step) for step in steps)
        assert all(step["paramsJSON"] is None and "payloadJSON" not in step for step in steps)
        assert steps[1]["deliveredAtMs"] <= steps[2]["acknowledgedAtMs"] <= steps[3]["endedAtMs"]
        assert done["payloadJSON"] == '{"shown": "hello"}'
        assert done["deliveries"] == 1


async def test_a_failure_of_the_node_is_kept(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        request = await node.next_request()
        await node.fail(request["id"], "NOTIFICATIONS_DISABLED", "the owner says no")
        failed = await rig.reached(work_id, "failed")
        assert failed["error"] == {"code": "NOTIFICATIONS_DISABLED", "message": "the owner says no"}
        assert "payloadJSON" not in failed


async def test_work_is_done_in_the_order_of_submission(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        titles = [f"t{number}" for number in range(12)]
        ids = [(await rig.submit(node, title))["id"] for title in titles]
        await node.connect()
        for work_id in ids:
            assert (await finish(node))["id"] == work_id
        assert node.order == titles
        await rig.reached(ids[-1], "done")


async def test_the_next_piece_waits_for_the_one_before(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        first = (await rig.submit(node, "first"))["id"]
        second = (await rig.submit(node, "second"))["id"]
        request = await node.next_request()
        # Anything the gateway would send on its own by now has overtaken this answer.
        assert (await node.ack(first))["ackedIds"] == [first]
        assert (await rig.work(second))["state"] == "queued"
        assert [seen["id"] for seen in node.seen] == [first]
        node.do(request)
        await node.report(first)
        await finish(node)
        assert node.order == ["first", "second"]


async def test_another_node_fetches_nothing_that_is_also_sent_to_it(shared_daemon: Daemon) -> None:
    node = ScriptedNode(shared_daemon, commands=[COMMAND], caps=["system"])
    async with Rig(shared_daemon, node) as rig:
        work_id = (await rig.submit(node))["id"]
        await node.connect()
        request = await node.next_request()
        assert await node.wire.call("node.pending.pull", {}) == {"nodeId": node.id, "actions": []}
        await node.answer(request, {"ok": True})
        assert (await rig.reached(work_id, "done"))["deliveries"] == 1


async def test_the_same_key_is_the_same_work(shared_daemon: Daemon) -> None:
    node, other = LedgerNode(shared_daemon), LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node, other) as rig:
        key = DeviceKey().id
        first, second = await asyncio.gather(
            rig.submit(node, idempotencyKey=key), rig.submit(node, idempotencyKey=key)
        )
        assert first["id"] == second["id"]
        await node.connect()
        await finish(node)
        await rig.reached(first["id"], "done")
        assert (await rig.submit(node, idempotencyKey=key))["state"] == "done"
        for changed in (
            rig.submit(node, "other title", idempotencyKey=key),
            rig.submit(other, idempotencyKey=key),
            rig.submit(node, idempotencyKey=key, command="device.info"),
        ):
            with pytest.raises(RpcError) as refused:
                await changed
            assert refused.value.code == "INVALID_REQUEST"
            assert refused.value.details == {"code": "CONFLICT", "field": "idempotencyKey"}
        assert sum(node.effects.values()) == 1


async def test_work_expires_and_says_why(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        work_id = (await rig.submit(node, expiresInMs=1000))["id"]
        expired = await rig.reached(work_id, "expired")
        assert expired["reason"] == "nobody did it in time: waits for phone to connect"
        assert 1000 <= expired["endedAtMs"] - expired["createdAtMs"] < 5000
        await node.connect()
        assert await node.pull() == []
        assert node.seen == []


async def test_expired_work_is_called_off_and_a_late_result_is_kept_beside(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node, expiresInMs=1000))["id"]
        request = await node.next_request()
        assert request["timeoutMs"] <= 1000
        await rig.reached(work_id, "expired")
        assert (await node.cancelled(request))["nodeId"] == node.id
        node.do(request)
        assert await node.report(work_id) == {"ok": True}
        late = await rig.work(work_id)
        assert late["state"] == "expired"
        assert late["payloadJSON"] == '{"shown": "hello"}'
        assert await node.report(work_id) == {"ok": True, "ignored": True}


async def test_work_can_be_taken_back(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        asleep = (await rig.submit(node, "asleep"))["id"]
        assert (await rig.admin.call("node.work.cancel", {"id": asleep}))["state"] == "cancelled"
        await node.connect()
        begun = (await rig.submit(node, "begun"))["id"]
        request = await node.next_request()
        assert request["id"] == begun
        cancelled = await rig.admin.call("node.work.cancel", {"id": begun})
        assert cancelled["reason"] == "taken back; the node has it and may still do it"
        await node.cancelled(request)
        # The next one does not wait for it.
        third = (await rig.submit(node, "third"))["id"]
        assert (await finish(node))["id"] == third
        for work_id, code in ((asleep, "CONFLICT"), (third, "CONFLICT"), ("no-such-work", "NOT_FOUND")):
            with pytest.raises(RpcError) as refused:
                await rig.admin.call("node.work.cancel", {"id": work_id})
            assert refused.value.details == {"code": code, "field": "id"}


async def test_results_count_only_from_the_node_that_has_the_work(shared_daemon: Daemon) -> None:
    node, thief = LedgerNode(shared_daemon), LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node, thief) as rig:
        await node.connect()
        await thief.connect()
        work_id = (await rig.submit(node))["id"]
        request = await node.next_request()
        ignored = {"ok": True, "ignored": True}
        assert await thief.answer(request, {"stolen": True}, nodeId=thief.id) == ignored
        with pytest.raises(RpcError) as refused:
            await thief.answer(request, {"stolen": True})
        assert refused.value.message == "nodeId mismatch"
        acked = await thief.ack(work_id)
        assert acked == {"nodeId": thief.id, "ackedIds": [], "remainingCount": 0}
        assert await thief.pull() == []
        assert await node.answer(request | {"id": "no-such-work"}, 1) == ignored
        assert (await rig.work(work_id))["state"] == "delivered"
        # Never handed out, so nobody can have done it.
        waiting = (await rig.submit(node, "second"))["id"]
        assert await node.answer(request | {"id": waiting}, {"guessed": True}) == ignored
        assert (await rig.work(waiting))["state"] == "queued"
        node.do(request)
        assert await node.report(work_id) == {"ok": True}
        await finish(node)


async def test_a_large_result_is_cut_and_says_so(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        request = await node.next_request()
        # Two bytes each, at odd places: the cut must not leave half a character.
        await node.answer(request, None, payloadJSON=json.dumps("ä" * 200_000, ensure_ascii=False))
        done = await rig.reached(work_id, "done")
        assert done["payloadJSON"] == '"' + "ä" * 131_071
        assert done["reason"] == "the result had 400002 bytes; only its first 262144 are kept"


@pytest.mark.parametrize("as_text", [True, False])
async def test_both_forms_of_a_result(shared_daemon: Daemon, as_text: bool) -> None:
    node = LedgerNode(shared_daemon, as_text=as_text)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        await finish(node)
        assert json.loads((await rig.reached(work_id, "done"))["payloadJSON"]) == {"shown": "hello"}


async def test_a_result_that_is_no_json_is_refused(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        request = await node.next_request()
        with pytest.raises(RpcError) as refused:
            await node.answer(request, None, payloadJSON='{"half":')
        assert refused.value.details["field"] == "payloadJSON"
        assert (await rig.work(work_id))["state"] == "delivered"
        assert await node.answer(request, {"whole": True}) == {"ok": True}


@pytest.mark.parametrize(
    ("call", "code", "details"),
    [
        ({"command": "canvas.eval"}, "INVALID_REQUEST", {"reason": "command not allowlisted"}),
        ({"command": "contacts.search"}, "INVALID_REQUEST", {"reason": "command not declared by node"}),
        ({"nodeId": "f" * 64}, "INVALID_REQUEST", {"field": "nodeId"}),
        ({"params": {"title": "x" * 65_536}}, "INVALID_REQUEST", {"field": "params"}),
        ({"command": "system.execApprovals.get"}, "INVALID_REQUEST", {"field": "command"}),
        ({"expiresInMs": 999}, "INVALID_REQUEST", {"field": "/expiresInMs"}),
        ({"expiresInMs": 604_800_001}, "INVALID_REQUEST", {"field": "/expiresInMs"}),
        ({"prefer": ["x"]}, "INVALID_REQUEST", {"field": "prefer"}),
        ({"expiresIn": 1}, "INVALID_REQUEST", {}),
        ({"idempotencyKey": ""}, "INVALID_REQUEST", {"field": "/idempotencyKey"}),
    ],
)
@pytest.mark.parametrize("connected", [True, False])
async def test_what_cannot_be_submitted(
    shared_daemon: Daemon, connected: bool, call: dict[str, Any], code: str, details: Json
) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        if connected:
            await node.connect()
        with pytest.raises(RpcError) as refused:
            await rig.submit(node, **call)
        assert refused.value.code == code
        assert details.items() <= refused.value.details.items()
        assert (await rig.admin.call("node.work.list", {"nodeId": node.id}))["items"] == []


async def test_no_more_than_256_pieces_wait_for_a_node(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        submitted = [await rig.submit(node, str(number)) for number in range(256)]
        with pytest.raises(RpcError) as refused:
            await rig.submit(node)
        assert refused.value.code == "UNAVAILABLE"
        assert refused.value.retryable is True
        assert refused.value.details["code"] == "TOO_MUCH_WORK"
        await rig.admin.call("node.work.cancel", {"id": submitted[0]["id"]})
        await rig.submit(node)
        seen: list[str] = []
        page: Json = {"nextCursor": None}
        while "nextCursor" in page:
            cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else {}
            page = await rig.admin.call("node.work.list", {"nodeId": node.id, "limit": 100, **cursor})
            seen += [item["id"] for item in page["items"]]
        assert len(seen) == len(set(seen)) == 257
        cancelled = await rig.admin.call("node.work.list", {"nodeId": node.id, "state": "cancelled"})
        assert [item["id"] for item in cancelled["items"]] == [submitted[0]["id"]]
        with pytest.raises(RpcError) as refused:
            await rig.admin.call("node.work.list", {"cursor": "no cursor"})
        assert refused.value.details["field"] == "cursor"


async def deny(rig: Rig, *commands: str) -> None:
    """Set the owner's list of forbidden commands."""
    config = await rig.admin.call("config.get", {})
    raw = json.dumps({"nodes": {"commands": {"deny": commands}}})
    await rig.admin.call(
        "config.patch", {"baseHash": config["hash"], "raw": raw, "replacePaths": ["nodes.commands.deny"]}
    )


async def test_work_goes_as_soon_as_its_command_is_allowed(daemon: Daemon) -> None:
    node = LedgerNode(daemon)
    async with Rig(daemon, node) as rig:
        work_id = (await rig.submit(node))["id"]
        await deny(rig, COMMAND)
        await node.connect()
        assert await node.pull() == []
        assert (await rig.work(work_id))["state"] == "queued"
        await deny(rig)
        assert (await finish(node))["id"] == work_id


async def test_a_node_that_is_not_ready_is_asked_again(shared_daemon: Daemon) -> None:
    node = ScriptedNode(shared_daemon, commands=[COMMAND], caps=["system"])
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        first = (await rig.submit(node, "first"))["id"]
        await rig.submit(node, "second")
        await node.answer(await node.next_request(), Failure("NODE_NOT_READY", "starting"))
        assert "not ready" in (await rig.work(first))["reason"]
        again = await node.next_request()
        assert again["id"] == first
        await node.answer(again, {"ok": True})
        await node.answer(await node.next_request(), {"ok": True})
        assert [json.loads(seen["paramsJSON"])["title"] for seen in node.seen] == ["first", "first", "second"]


def removals(node: LedgerNode) -> dict[str, Json]:
    """The ways to take a node's role away, by method."""
    return {
        "node.pair.remove": {"nodeId": node.id},
        "device.pair.remove": {"deviceId": node.id},
        "device.token.revoke": {"deviceId": node.id, "role": "node"},
    }


@pytest.mark.parametrize("method", ["node.pair.remove", "device.pair.remove", "device.token.revoke"])
async def test_work_of_a_removed_node_ends_and_its_word_counts_no_more(
    shared_daemon: Daemon, method: str
) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        begun = (await rig.submit(node))["id"]
        request = await node.next_request()
        waiting = (await rig.submit(node))["id"]
        await rig.admin.call(method, removals(node)[method])
        await node.wire.closed()
        for work_id in (begun, waiting):
            failed = await rig.reached(work_id, "failed")
            assert failed["error"]["code"] == "NODE_REMOVED"
        if method == "device.token.revoke":
            return  # its owner would have to pair it by hand
        again = LedgerNode(shared_daemon, key=node.key)
        await again.connect()
        await again.approved_by(rig.admin)
        assert await again.answer(request, {"late": True}) == {"ok": True, "ignored": True}
        assert (await rig.work(begun))["state"] == "failed"
        assert again.seen == []
        await again.close()


async def test_a_phone_that_does_not_fetch_is_asked_again_when_it_is_back(shared_daemon: Daemon) -> None:
    node = ScriptedNode(shared_daemon, commands=["camera.list"], caps=["camera"], client=ANDROID)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node, command="camera.list"))["id"]
        background = Failure("NODE_BACKGROUND_UNAVAILABLE", "in the background")
        await node.answer(await node.next_request(), background)
        assert "foreground" in (await rig.reached(work_id, "queued"))["reason"]
        await node.connect()
        request = await node.next_request()
        assert request["id"] == work_id
        await node.answer(request, {"devices": []})
        await rig.reached(work_id, "done")


async def test_programs_run_under_the_id_of_their_work(shared_daemon: Daemon) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.run"], caps=["system"])
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        params = {"command": ["true"]}
        work_id = (await rig.submit(node, command="system.run", params=params))["id"]
        request = await node.next_request()
        assert json.loads(request["paramsJSON"]) == {"command": ["true"], "runId": work_id}
        await node.answer(request, {"exitCode": 0})
        for forged in ("approved", "approvalDecision", "systemRunPlan"):
            with pytest.raises(RpcError) as refused:
                await rig.submit(node, command="system.run", params={**params, forged: True})
            assert refused.value.details["field"] == f"params/{forged}"
