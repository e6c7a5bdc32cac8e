"""Agents ask for a capability, not for a device: the router against the shipped daemon (S1.M-7).

Three nodes with different capabilities and telemetry; a request picks the right one; when that is away, the
next; when all are away it waits with a reason; and when nobody ever could, that is said at once.
"""

import pytest

from tests.gateway.nodes.ledger_node import HOMARUS, LedgerNode, Rig
from tests.gateway.nodes.test_foreground import BACKGROUND
from tests.support.daemon import Daemon
from tests.support.nodes import MAC, ScriptedNode, invoke
from tests.support.wire import Json, RpcError

CAMERA = "camera.list"


def status(level: float) -> Json:
    """A `device.status` as apps report it, with more than we look at."""
    return {
        "battery": {"state": "unplugged", "level": level, "lowPowerModeEnabled": False},
        "uptimeSeconds": 1,
    }


def phone(daemon: Daemon, name: str, level: float) -> ScriptedNode:
    """A phone with a camera."""
    return ScriptedNode(
        daemon,
        caps=["camera", "device"],
        commands=[CAMERA, "device.status"],
        client=HOMARUS | {"displayName": name},
        answers={"device.status": status(level)},
    )


def mac(daemon: Daemon) -> ScriptedNode:
    """A computer with a canvas and a camera."""
    return ScriptedNode(
        daemon,
        caps=["canvas", "camera"],
        commands=["canvas.present", CAMERA],
        client=MAC | {"displayName": "mac"},
    )


async def route(rig: Rig, **call: object) -> Json:
    """`node.route`."""
    return await rig.admin.call("node.route", call)


async def test_the_right_one_of_three_and_the_next_when_it_leaves(daemon: Daemon) -> None:
    low, high, desk = phone(daemon, "low", 0.1), phone(daemon, "high", 0.9), mac(daemon)
    async with Rig(daemon, low, high, desk) as rig:
        for node in (low, high, desk):
            await node.connect()
        canvas = await route(rig, capability="canvas")
        assert canvas["nodeId"] == desk.id
        assert (await route(rig, command="canvas.present"))["nodeId"] == desk.id
        busy = {"cpuCount": 2, "memoryTotalBytes": 100, "memoryFreeBytes": 50, "loadAverage": [3.0, 1.0, 1.0]}
        await desk.event("node.host.stats", busy)
        routed = await route(rig, command=CAMERA)
        assert routed["nodeId"] == high.id
        assert routed["able"] == "now"
        assert routed["reason"].startswith("high can do camera.list: connected, battery at 90 %")
        assert [one["displayName"] for one in routed["candidates"]] == ["high", "mac", "low"]
        assert routed["candidates"][1]["why"] == ["connected", "load 1.5 per processor"]
        assert (await route(rig, command=CAMERA, prefer=[low.id]))["nodeId"] == low.id
        await high.close()
        assert (await route(rig, command=CAMERA))["nodeId"] == desk.id
        assert (await route(rig, command=CAMERA, fallback=[desk.id]))["nodeId"] == low.id
        await low.close()
        await desk.close()
        nobody = await route(rig, command="canvas.present")
        assert "nodeId" not in nobody
        assert nobody["able"] == "later"
        assert nobody["reason"] == "no node that can do canvas.present is connected; it waits for mac"


async def test_a_node_is_asked_for_its_battery_only_now_and_then(daemon: Daemon) -> None:
    one, other = phone(daemon, "one", 0.5), phone(daemon, "other", 0.4)
    async with Rig(daemon, one, other) as rig:
        await one.connect()
        await route(rig, command=CAMERA)
        assert one.seen == []  # with one candidate there is nothing to choose
        await other.connect()
        await route(rig, command=CAMERA)
        await route(rig, command=CAMERA)
        assert [len(node.seen) for node in (one, other)] == [1, 1]


async def test_telemetry_of_any_answer_counts(daemon: Daemon) -> None:
    one, other = phone(daemon, "one", 0.9), phone(daemon, "other", 0.5)
    async with Rig(daemon, one, other) as rig:
        await one.connect()
        await other.connect()
        assert (await route(rig, command=CAMERA))["nodeId"] == one.id
        one.answers["device.status"] = status(0.05)
        await invoke(rig.admin, one, "device.status")
        assert (await route(rig, command=CAMERA))["nodeId"] == other.id
        # A node that talks nonsense is judged by what is known.
        other.answers["device.status"] = {"battery": "lots"}
        await invoke(rig.admin, other, "device.status")
        assert (await route(rig, command=CAMERA))["nodeId"] == other.id


async def test_work_without_a_node_goes_to_the_best(daemon: Daemon) -> None:
    low, high = phone(daemon, "low", 0.1), phone(daemon, "high", 0.9)
    async with Rig(daemon, low, high) as rig:
        await low.connect()
        await high.connect()
        work = await rig.submit(None, command=CAMERA)
        assert work["nodeId"] == high.id
        request = await high.next_request()
        assert request["id"] == work["id"]
        await high.answer(request, {"devices": []})
        assert (await rig.reached(work["id"], "done"))["nodeId"] == high.id
        assert low.asked.empty()


async def test_work_waits_for_the_first_node_that_can_and_survives_a_kill(daemon: Daemon) -> None:
    one, other = LedgerNode(daemon), LedgerNode(daemon, client=HOMARUS | {"displayName": "tablet"})
    async with Rig(daemon, one, other) as rig:
        work = await rig.submit(None)
        assert work["nodeId"] is None
        assert work["state"] == "queued"
        assert work["reason"] == "no node that can do system.notify is connected; it waits for phone, tablet"
        await rig.killed()
        await other.connect()
        request = await other.next_request()
        assert request["id"] == work["id"]
        other.do(request)
        await other.report(work["id"])
        assert (await rig.reached(work["id"], "done"))["nodeId"] == other.id


async def test_a_node_in_the_background_hands_it_on(daemon: Daemon) -> None:
    one, desk = phone(daemon, "one", 0.9), mac(daemon)
    one.answers[CAMERA] = BACKGROUND
    async with Rig(daemon, one, desk) as rig:
        await one.connect()
        await desk.connect()
        work = await rig.submit(None, command=CAMERA, prefer=[one.id])
        request = await desk.next_request()
        assert request["id"] == work["id"]
        await desk.answer(request, {"devices": []})
        assert (await rig.reached(work["id"], "done"))["nodeId"] == desk.id
        # With nobody to hand it to, it waits where it is.
        await desk.close()
        alone = await rig.submit(None, command=CAMERA)
        await rig.admin.wait_event(
            "node.work", lambda told: told["id"] == alone["id"] and "foreground" in told.get("reason", "")
        )
        pulled = await one.wire.call("node.pending.pull", {})
        assert [action["id"] for action in pulled["actions"]] == [alone["id"]]


async def test_a_node_that_left_before_it_was_asked_is_replaced(daemon: Daemon) -> None:
    one, other = phone(daemon, "one", 0.9), phone(daemon, "other", 0.8)
    async with Rig(daemon, one, other) as rig:
        await one.connect()
        await other.connect()
        blocking = await rig.submit(one, command=CAMERA)
        await one.next_request()
        behind = await rig.submit(None, command=CAMERA, prefer=[one.id])
        assert behind["nodeId"] == one.id
        await one.drop()
        request = await other.next_request()
        assert request["id"] == behind["id"]
        await other.answer(request, {"devices": []})
        await rig.reached(behind["id"], "done")
        # What was in its hands is lost with it, for it keeps no ledger.
        assert (await rig.reached(blocking["id"], "failed"))["error"]["code"] == "OUTCOME_UNKNOWN"


async def test_nobody_ever_could(daemon: Daemon) -> None:
    one = phone(daemon, "one", 0.9)
    async with Rig(daemon, one) as rig:
        routed = await route(rig, command="canvas.present")
        assert routed["able"] == "never"
        assert routed["candidates"] == [
            {
                "nodeId": one.id,
                "displayName": "one",
                "able": "never",
                "score": 0,
                "why": ["command not allowlisted"],
            }
        ]
        with pytest.raises(RpcError) as refused:
            await rig.submit(None, command="canvas.present")
        assert refused.value.code == "INVALID_REQUEST"
        assert refused.value.details == {"code": "NO_NODE", "command": "canvas.present"}
        assert refused.value.message == "no node can do canvas.present (one: command not allowlisted)"


@pytest.mark.parametrize("call", [{}, {"command": CAMERA, "capability": "camera"}])
async def test_exactly_one_wish(shared_daemon: Daemon, call: Json) -> None:
    async with Rig(shared_daemon) as rig:
        with pytest.raises(RpcError) as refused:
            await route(rig, **call)
        assert refused.value.details == {"field": "command"}
