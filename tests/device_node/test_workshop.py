"""Commands over a line that breaks: each done once, always answered, bounded (rows S1.B-5, S0.3-14)."""

import sqlite3
from pathlib import Path

from device_node.workshop import MAX_RUNNING
from tests.device_node.conftest import Desk, eventually
from tests.support.scripted_gateway import Json, Refused, ScriptedGateway


async def until_waiting(desk: Desk, count: int) -> None:
    await eventually(lambda: desk.errands.waiting == count)


async def test_a_command_is_done_and_answered(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.which", {"bins": ["git"]})
    result = await gateway.result("i1")
    assert result == {
        "id": "i1",
        "nodeId": desk.identity.device_id,
        "ok": True,
        "payloadJSON": '{"bins":{"git":"/bin/x"}}',
    }


async def test_absent_parameters_are_an_empty_object(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.notify")
    error = (await gateway.result("i1"))["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert "title" in error["message"]


async def test_failures_travel_with_code_and_text(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.notify", {"title": "bad"})
    failure = (await gateway.result("i1"))["error"]
    assert failure == {"code": "NOTIFICATIONS_UNAVAILABLE", "message": "there is no desktop"}
    await gateway.invoke("i2", "system.sing", {})
    assert (await gateway.result("i2"))["error"]["code"] == "UNAVAILABLE"
    await gateway.invoke("i3", "system.which", {"bins": ["crash"]})
    failure = (await gateway.result("i3"))["error"]
    assert failure["code"] == "UNAVAILABLE"
    assert "defect" not in failure["message"]


async def test_the_gateways_patience_ends_a_command(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.which", {"bins": ["wait"]}, timeoutMs=50)
    assert (await gateway.result("i1"))["error"]["code"] == "TIMEOUT"
    assert desk.errands.called_off == 1
    assert desk.workshop.running == 0


async def test_a_called_off_command_stops(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.notify", {"title": "slow"})
    await until_waiting(desk, 1)
    await gateway.event("node.invoke.cancel", {"invokeId": "i1", "nodeId": "n"})
    assert (await gateway.result("i1"))["error"]["code"] == "CANCELLED"
    assert desk.errands.called_off == 1
    await gateway.event("node.invoke.cancel", {"invokeId": "unknown", "nodeId": "n"})
    await gateway.invoke("i2", "system.which", {"bins": ["git"]})
    assert (await gateway.result("i2"))["ok"]


async def test_too_much_at_once_is_refused(desk: Desk, gateway: ScriptedGateway) -> None:
    for number in range(MAX_RUNNING + 1):
        await gateway.invoke(f"i{number}", "system.which", {"bins": ["wait"]}, timeoutMs=0)
    refused = await gateway.result(f"i{MAX_RUNNING}")
    assert refused["error"]["code"] == "NODE_NOT_READY"  # which gateways ask again
    assert "try again" in refused["error"]["message"]
    desk.errands.go.set()
    for number in range(MAX_RUNNING):
        assert (await gateway.result(f"i{number}"))["ok"]


async def test_the_same_id_is_not_begun_twice(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.notify", {"title": "slow"})
    await until_waiting(desk, 1)
    await gateway.invoke("i1", "system.notify", {"title": "slow"})
    desk.errands.go.set()
    assert (await gateway.result("i1"))["ok"]
    await gateway.invoke("i1", "system.notify", {"title": "slow"})
    assert (await gateway.result("i1", 2))["ok"]
    assert desk.errands.notified == ["slow"]


async def test_the_same_key_is_not_begun_twice(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.notify", {"title": "slow"}, idempotencyKey="k")
    await until_waiting(desk, 1)
    await gateway.invoke("i2", "system.notify", {"title": "slow"}, idempotencyKey="k")
    await gateway.invoke("i3", "system.notify", {"title": "other"}, idempotencyKey="k")
    assert (await gateway.result("i3"))["ok"]
    desk.errands.go.set()
    assert (await gateway.result("i1"))["ok"]
    assert (await gateway.result("i2"))["ok"]
    await gateway.invoke("i4", "system.notify", {"title": "slow"}, idempotencyKey="k")
    assert (await gateway.result("i4"))["ok"]
    assert desk.errands.notified == ["slow", "other"]


async def test_a_result_survives_a_broken_line(desk: Desk, gateway: ScriptedGateway) -> None:
    for invoke_id, command, params in (
        ("durable", "system.notify", {"title": "slow"}),
        ("repeatable", "system.which", {"bins": ["wait"]}),
    ):
        await gateway.invoke(invoke_id, command, params)
    await until_waiting(desk, 2)
    gateway.judge = lambda _params: {"code": "UNAVAILABLE", "message": "booting", "retryable": True}
    gateway.break_off()
    await gateway.refused(2)
    desk.errands.go.set()
    await eventually(lambda: desk.workshop.running == 0)
    gateway.judge = lambda _params: None
    assert (await gateway.result("durable"))["ok"]
    assert (await gateway.result("repeatable"))["ok"]
    assert desk.errands.notified == ["slow"]


async def test_a_result_the_gateway_cannot_take_now_is_sent_again(
    desk: Desk, gateway: ScriptedGateway
) -> None:
    def changing(_params: Json) -> Json:
        raise Refused("UNAVAILABLE", "changing", retryable=True, code="PAIRING_CHANGED")

    taken, gateway.answers["node.invoke.result"] = gateway.answers["node.invoke.result"], changing
    await gateway.invoke("durable", "system.notify", {"title": "one"})
    await gateway.invoke("repeatable", "system.which", {"bins": ["git"]})
    await gateway.result("durable")
    await gateway.result("repeatable")
    gateway.answers["node.invoke.result"] = taken
    gateway.break_off()
    assert (await gateway.result("durable", 2))["ok"]
    assert (await gateway.result("repeatable", 2))["ok"]
    assert desk.errands.notified == ["one"]


async def test_a_result_the_gateway_refuses_is_not_sent_for_ever(
    desk: Desk, gateway: ScriptedGateway
) -> None:
    def refusing(_params: Json) -> Json:
        raise Refused("INVALID_REQUEST", "nodeId mismatch")

    gateway.answers["node.invoke.result"] = refusing
    await gateway.invoke("i1", "system.notify", {"title": "one"})
    await gateway.result("i1")
    gateway.break_off()
    await gateway.connected(2)
    await gateway.request("node.pending.pull", 2)
    assert list(desk.ledger.unreported(desk.status.gateway or "")) == []
    assert len([item for item in gateway.requests if item["method"] == "node.invoke.result"]) == 1


async def test_a_result_too_large_for_a_frame_is_a_failure(desk: Desk, gateway: ScriptedGateway) -> None:
    await gateway.invoke("i1", "system.which", {"bins": ["large"]})
    assert (await gateway.result("i1"))["error"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_output_comes_in_numbered_pieces_before_the_result(
    desk: Desk, gateway: ScriptedGateway
) -> None:
    await gateway.invoke("i1", "system.which", {"bins": ["talk", "ab", "ü"]})
    assert (await gateway.result("i1"))["ok"]
    pieces = [item["params"] for item in gateway.requests if item["method"] == "node.invoke.progress"]
    assert [piece["seq"] for piece in pieces] == list(range(len(pieces)))
    assert all(len(piece["chunk"].encode()) <= 16_384 for piece in pieces)
    assert "".join(piece["chunk"] for piece in pieces) == "ab" * 10_000 + "ü" * 10_000
    assert gateway.requests[-1]["method"] == "node.invoke.result"


async def test_what_a_restart_interrupted_is_said_and_not_repeated(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    async with Desk(tmp_path, gateway).running() as first:
        await gateway.connected()
        await gateway.invoke("i1", "system.notify", {"title": "slow"}, idempotencyKey="k")
        await until_waiting(first, 1)
    async with Desk(tmp_path, gateway).running() as second:
        failure = (await gateway.result("i1"))["error"]
        assert failure["code"] == "INTERRUPTED"
        await gateway.invoke("i2", "system.notify", {"title": "slow"}, idempotencyKey="k")
        assert (await gateway.result("i2"))["error"]["code"] == "INTERRUPTED"
        assert second.errands.notified == []


async def test_without_a_ledger_nothing_is_done(desk: Desk, gateway: ScriptedGateway, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "work.db") as other:
        other.execute("DROP TABLE work")
    other.close()
    await gateway.invoke("i1", "system.notify", {"title": "one"})
    failure = (await gateway.result("i1"))["error"]
    assert failure["code"] == "NODE_NOT_READY"
    assert "ledger" in failure["message"]
    assert desk.errands.notified == []
