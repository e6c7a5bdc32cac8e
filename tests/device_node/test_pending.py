"""Work that waited at the gateway: taken over once, acknowledged when safe, done in order (S1.B-5, DC-6)."""

import json
from pathlib import Path

from device_node.commands import CommandFailed
from tests.device_node.conftest import Desk, eventually
from tests.support.scripted_gateway import Json, Refused, ScriptedGateway


class Queue:
    """The waiting work of one node, as a gateway keeps it."""

    def __init__(self, gateway: ScriptedGateway, *actions: tuple[str, str, Json]) -> None:
        self.actions = [
            {"id": work_id, "command": command, "paramsJSON": json.dumps(params), "enqueuedAtMs": 1}
            for work_id, command, params in actions
        ]
        self.acked: list[str] = []
        self.forgets = True
        gateway.answers["node.pending.pull"] = self._pull
        gateway.answers["node.pending.ack"] = self._ack

    def _pull(self, _params: Json) -> Json:
        return {"nodeId": "n", "actions": self.actions}

    def _ack(self, params: Json) -> Json:
        self.acked += params["ids"]
        if self.forgets:
            self.actions = [action for action in self.actions if action["id"] not in params["ids"]]
        return {"nodeId": "n", "ackedIds": params["ids"], "remainingCount": len(self.actions)}


async def test_waiting_work_is_acknowledged_and_done_in_order(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    queue = Queue(
        gateway,
        ("w1", "system.notify", {"title": "one"}),
        ("w2", "system.which", {"bins": ["git"]}),
        ("w3", "system.notify", {"title": "bad"}),
    )
    async with Desk(tmp_path, gateway).running() as desk:
        assert (await gateway.result("w1"))["ok"]
        assert (await gateway.result("w2"))["ok"]
        assert (await gateway.result("w3"))["error"]["code"] == "NOTIFICATIONS_UNAVAILABLE"
        assert queue.acked == ["w1", "w2", "w3"]
        assert desk.errands.notified == ["one"]
        methods = [item["method"] for item in gateway.requests]
        assert methods.index("node.pending.ack") < methods.index("node.invoke.result")


async def test_work_handed_out_again_is_answered_again_and_not_repeated(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    queue = Queue(gateway, ("w1", "system.notify", {"title": "one"}))
    queue.forgets = False  # as a gateway that crashed before it wrote down the acknowledgement
    async with Desk(tmp_path, gateway).running():
        await gateway.result("w1")
    async with Desk(tmp_path, gateway).running() as second:
        assert (await gateway.result("w1", 2))["ok"]
        await gateway.invoke("w1", "system.notify", {"title": "one"})
        assert (await gateway.result("w1", 3))["ok"]
        assert second.errands.notified == []


async def test_what_was_acknowledged_is_done_after_a_crash_of_the_node(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    """The work is in the ledger, the gateway has forgotten it, and the node died before it began."""
    Queue(gateway, ("w1", "system.notify", {"title": "slow"}), ("w2", "system.notify", {"title": "two"}))
    async with Desk(tmp_path, gateway).running() as first:
        await eventually(lambda: first.errands.waiting == 1)
    async with Desk(tmp_path, gateway).running() as second:
        assert (await gateway.result("w2"))["ok"]
        assert (await gateway.result("w1"))["error"]["code"] == "INTERRUPTED"
        assert second.errands.notified == ["two"]


async def test_what_cannot_be_done_now_stays_with_the_gateway(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    queue = Queue(
        gateway, ("w1", "system.notify", {"title": "one"}), ("w2", "system.which", {"bins": ["git"]})
    )
    desk = Desk(tmp_path, gateway)
    desk.refused["system.notify"] = CommandFailed("NODE_BACKGROUND_UNAVAILABLE", "not now")
    async with desk.running():
        await gateway.result("w2")
        assert queue.acked == ["w2"]
        desk.refused.clear()
        desk.service.fetch()
        assert (await gateway.result("w1"))["ok"]
        assert queue.acked == ["w2", "w1"]


async def test_a_gateway_without_such_a_list_is_no_problem(tmp_path: Path, gateway: ScriptedGateway) -> None:
    def unknown(_params: Json) -> Json:
        raise Refused("INVALID_REQUEST", "unknown method: node.pending.pull")

    gateway.answers["node.pending.pull"] = unknown
    async with Desk(tmp_path, gateway).running():
        await gateway.request("node.pending.pull")
        await gateway.invoke("i1", "system.which", {"bins": ["git"]})
        assert (await gateway.result("i1"))["ok"]


async def test_what_a_phone_could_not_do_may_come_again(tmp_path: Path, gateway: ScriptedGateway) -> None:
    desk = Desk(tmp_path, gateway)
    desk.refused["system.notify"] = CommandFailed("NODE_BACKGROUND_UNAVAILABLE", "not now")
    async with desk.running():
        await gateway.connected()
        await gateway.invoke("w1", "system.notify", {"title": "one"}, idempotencyKey="w1")
        assert (await gateway.result("w1"))["error"]["code"] == "NODE_BACKGROUND_UNAVAILABLE"
        desk.refused.clear()
        await gateway.invoke("w1", "system.notify", {"title": "one"}, idempotencyKey="w1")
        assert (await gateway.result("w1", 2))["ok"]
        assert desk.errands.notified == ["one"]


async def test_kept_work_that_is_called_off_is_not_begun(tmp_path: Path, gateway: ScriptedGateway) -> None:
    Queue(gateway, ("w1", "system.notify", {"title": "slow"}), ("w2", "system.notify", {"title": "two"}))
    async with Desk(tmp_path, gateway).running() as desk:
        await eventually(lambda: desk.errands.waiting == 1)
        await gateway.event("node.invoke.cancel", {"invokeId": "w2", "nodeId": "n"})
        assert (await gateway.result("w2"))["error"]["code"] == "CANCELLED"
        desk.errands.go.set()
        assert (await gateway.result("w1"))["ok"]
        await gateway.invoke("i1", "system.which", {"bins": ["git"]})
        await gateway.result("i1")
        assert desk.errands.notified == ["slow"]


async def test_work_that_is_pushed_and_fetched_is_done_once(tmp_path: Path, gateway: ScriptedGateway) -> None:
    Queue(gateway, ("w1", "system.notify", {"title": "slow"}), ("w2", "system.notify", {"title": "two"}))
    async with Desk(tmp_path, gateway).running() as desk:
        await eventually(lambda: desk.errands.waiting == 1)
        await gateway.invoke("w1", "system.notify", {"title": "slow"}, idempotencyKey="w1")
        await gateway.invoke("w2", "system.notify", {"title": "two"}, idempotencyKey="w2")
        assert (await gateway.result("w2"))["ok"]
        desk.errands.go.set()
        assert (await gateway.result("w1"))["ok"]
        assert desk.errands.notified == ["slow", "two"]
