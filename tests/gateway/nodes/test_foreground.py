"""What a phone cannot do in the background is kept until its app is on the screen (reference 1.6).

OpenClaw keeps it in memory; here it survives a kill of the gateway, and the caller's key stays the key to it.
"""

import pytest

from gateway.nodes.foreground import in_background
from tests.gateway.nodes.ledger_node import HOMARUS, LedgerNode, Rig
from tests.gateway.nodes.test_work import ANDROID
from tests.support.daemon import Daemon
from tests.support.nodes import Failure, ScriptedNode, invoke
from tests.support.wire import DeviceKey, Json, RpcError

BACKGROUND = Failure("NODE_BACKGROUND_UNAVAILABLE", "NODE_BACKGROUND_UNAVAILABLE: camera needs the app")


def iphone(daemon: Daemon) -> ScriptedNode:
    """OpenClaw's own app: it fetches its list when it comes to the front, and keeps no ledger."""
    return ScriptedNode(
        daemon,
        caps=["camera"],
        commands=["camera.list", "device.info"],
        client=HOMARUS,
        answers={"camera.list": BACKGROUND},
    )


async def queued(rig: Rig, node: ScriptedNode, key: str | None = None, **more: object) -> RpcError:
    """Ask for the cameras and be told that this waits."""
    with pytest.raises(RpcError) as waits:
        await invoke(rig.admin, node, "camera.list", idempotencyKey=key or DeviceKey().id, **more)
    assert waits.value.code == "UNAVAILABLE"
    assert waits.value.details["code"] == "QUEUED_UNTIL_FOREGROUND"
    assert waits.value.retryable is True
    return waits.value


async def pull(node: ScriptedNode) -> list[Json]:
    """`node.pending.pull`."""
    pulled = await node.wire.call("node.pending.pull", {})
    assert pulled["nodeId"] == node.id
    return pulled["actions"]


async def test_openclaws_app_fetches_it_and_says_that_it_is_done(shared_daemon: Daemon) -> None:
    node = iphone(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        waits = await queued(rig, node, params={"n": 1})
        work_id = waits.details["queuedActionId"]
        assert waits.details["nodeId"] == node.id
        assert waits.details["command"] == "camera.list"
        assert waits.details["nodeError"]["code"] == "NODE_BACKGROUND_UNAVAILABLE"
        (action,) = await pull(node)
        enqueued_at_ms = action.pop("enqueuedAtMs")
        assert action == {"id": work_id, "command": "camera.list", "paramsJSON": '{"n": 1}'}
        assert [one["id"] for one in await pull(node)] == [work_id]  # until it is acknowledged
        acked = await node.wire.call("node.pending.ack", {"ids": [work_id]})
        assert acked == {"nodeId": node.id, "ackedIds": [work_id], "remainingCount": 0}
        assert await pull(node) == []
        done = await rig.work(work_id)
        assert done["state"] == "done"
        assert done["kind"] == "foreground"
        assert done["createdAtMs"] == enqueued_at_ms
        assert done["expiresAtMs"] - done["createdAtMs"] == 600_000
        assert "no result" in done["reason"]


async def test_it_survives_a_kill_and_its_key_gives_the_result(daemon: Daemon) -> None:
    node = LedgerNode(daemon, answers={"camera.list": BACKGROUND})
    async with Rig(daemon, node) as rig:
        await node.connect()
        first = await queued(rig, node, "k1")
        second = await queued(rig, node, "k2")
        work_id = first.details["queuedActionId"]
        await rig.killed()
        await node.connect()
        asked = len(node.seen)
        assert (await queued(rig, node, "k1")).details["queuedActionId"] == work_id
        assert len(node.seen) == asked  # a repeat waits with the first and does not bother the phone
        actions = await node.pull()
        assert [action["id"] for action in actions] == [work_id, second.details["queuedActionId"]]
        assert (await node.ack(work_id))["remainingCount"] == 1
        await rig.killed()
        await node.connect()
        node.do(actions[0])
        assert await node.report(work_id) == {"ok": True}
        answered = await invoke(rig.admin, node, "camera.list", idempotencyKey="k1")
        assert answered["payload"] == {"shown": None}
        await node.ack(second.details["queuedActionId"])
        await node.fail(second.details["queuedActionId"], "CAMERA_DISABLED", "the owner says no")
        with pytest.raises(RpcError) as failed:
            await invoke(rig.admin, node, "camera.list", idempotencyKey="k2")
        assert failed.value.details["nodeError"]["code"] == "CAMERA_DISABLED"
        with pytest.raises(RpcError) as other:
            await invoke(rig.admin, node, "device.info", idempotencyKey="k1")
        assert other.value.details == {"code": "CONFLICT", "field": "idempotencyKey"}


async def test_durable_work_waits_for_the_foreground_too(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon, answers={"camera.list": BACKGROUND})
    async with Rig(shared_daemon, node) as rig:
        work_id = (await rig.submit(node, command="camera.list"))["id"]
        await node.connect()
        mark = rig.admin.mark()
        while "foreground" not in (now := await rig.work(work_id)).get("reason", ""):
            await rig.admin.wait_event("node.work", since=mark)
            mark = rig.admin.mark()
        assert now["state"] == "queued"
        assert "acknowledgedAtMs" not in now
        # What needs no screen is not held up by it.
        other = (await rig.submit(node, command="device.info"))["id"]
        request = await node.next_request()
        assert request["id"] == other
        node.do(request)
        await node.report(other)
        # The app comes to the front.
        assert [action["id"] for action in await node.pull()] == [work_id]
        await node.ack(work_id)
        node.do({"id": work_id})
        await node.report(work_id)
        assert (await rig.reached(work_id, "done"))["deliveries"] == 2


async def test_work_fetched_by_a_node_without_ledger_is_not_fetched_twice(shared_daemon: Daemon) -> None:
    node = iphone(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        work_id = (await rig.submit(node, command="camera.list"))["id"]
        await node.connect()
        await rig.admin.wait_event("node.work", lambda work: "foreground" in work.get("reason", ""))
        assert [action["id"] for action in await pull(node)] == [work_id]
        await node.connect()
        assert (await rig.reached(work_id, "failed"))["error"]["code"] == "OUTCOME_UNKNOWN"
        assert await pull(node) == []


async def test_no_more_than_64_actions_wait_for_a_node(shared_daemon: Daemon) -> None:
    node = iphone(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        for _ in range(64):
            await queued(rig, node)
        with pytest.raises(RpcError) as refused:
            await invoke(rig.admin, node, "camera.list")
        assert refused.value.details["code"] == "TOO_MUCH_WORK"
        assert refused.value.retryable is True
        assert len(await pull(node)) == 64


async def test_a_phone_that_fetches_nothing_just_fails(shared_daemon: Daemon) -> None:
    node = ScriptedNode(
        shared_daemon,
        caps=["camera"],
        commands=["camera.list"],
        client=ANDROID,
        answers={"camera.list": BACKGROUND},
    )
    async with Rig(shared_daemon, node) as rig:
        await node.connect()
        with pytest.raises(RpcError) as failed:
            await invoke(rig.admin, node, "camera.list")
        assert failed.value.details["nodeError"]["code"] == "NODE_BACKGROUND_UNAVAILABLE"
        assert "queuedActionId" not in failed.value.details


@pytest.mark.parametrize(
    ("command", "code", "message", "waits"),
    [
        ("camera.snap", "NODE_BACKGROUND_UNAVAILABLE", None, True),
        ("device.info", "NODE_BACKGROUND_UNAVAILABLE", "in the background", True),
        ("canvas.present", "UNAVAILABLE", "NODE_BACKGROUND_UNAVAILABLE: open the app", True),
        ("camera.snap", "CAMERA_BACKGROUND_UNAVAILABLE", "", True),
        ("talk.ptt.start", None, "talk_background_unavailable: no", True),
        ("screen.record", "UNAVAILABLE", "screen_background_unavailable", True),
        # A place in the background is a matter of permissions; opening the app once does not help.
        ("location.get", "LOCATION_BACKGROUND_UNAVAILABLE", "always-on is off", False),
        ("camera.snap", "CAMERA_DISABLED", "not even in BACKGROUND_UNAVAILABLE", False),
        ("camera.snap", None, None, False),
    ],
)
def test_which_failures_wait(command: str, code: str | None, message: str | None, waits: bool) -> None:
    assert in_background(command, code, message) is waits
