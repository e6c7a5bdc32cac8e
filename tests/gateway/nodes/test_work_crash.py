"""Work for nodes survives a kill of the gateway between any two of its steps, and is done exactly once.

S0.3-14, R14 and "Done when" 2 of the nodes: queued, delivered, acknowledged, done; each with its time.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.nodes.ledger_node import LedgerNode, Rig
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode
from tests.support.wire import Json


async def test_killed_between_every_two_steps(daemon: Daemon) -> None:
    node = LedgerNode(daemon)
    async with Rig(daemon, node) as rig:
        queued = await rig.submit(node)
        assert queued["state"] == "queued"
        assert queued["reason"] == "waits for phone to connect"
        work_id = queued["id"]

        await rig.killed()  # queued | delivered
        assert (await rig.work(work_id))["state"] == "queued"
        await node.connect()
        request = await node.next_request()
        assert request["id"] == work_id
        assert request["command"] == "system.notify"

        await rig.killed()  # delivered | acknowledged; the node had not begun
        delivered = await rig.work(work_id)
        assert delivered["state"] == "delivered"
        await node.connect()
        again = await node.next_request()
        assert again["id"] == work_id
        assert again["paramsJSON"] == request["paramsJSON"]
        assert (await node.ack(work_id))["ackedIds"] == [work_id]

        await rig.killed()  # acknowledged | done; meanwhile the node does it
        acknowledged = await rig.work(work_id)
        assert acknowledged["state"] == "acknowledged"
        node.do(again)
        await node.connect()
        node.do(await node.next_request())
        assert await node.report(work_id) == {"ok": True}

        await rig.killed()  # done | for ever
        receipts_are_whole(await rig.work(work_id))
        await node.connect()
        assert await node.pull() == []
        assert await node.report(work_id) == {"ok": True, "ignored": True}
        assert node.effects == {work_id: 1}
        assert len(node.seen) == 3


def receipts_are_whole(done: Json) -> None:
    """Every step has its time, and they are in order."""
    assert done["state"] == "done"
    assert done["payloadJSON"] == '{"shown": "hello"}'
    assert done["deliveries"] == 3
    times = [done[name] for name in ("createdAtMs", "deliveredAtMs", "endedAtMs")]
    assert times == sorted(times)
    assert done["createdAtMs"] <= done["acknowledgedAtMs"] <= done["endedAtMs"]


Deed = Callable[[LedgerNode, Json], Awaitable[object]]


async def _nothing(node: LedgerNode, request: Json) -> None:
    """The line breaks before the node looks at it."""


async def _done(node: LedgerNode, request: Json) -> None:
    node.do(request)


async def _acknowledged(node: LedgerNode, request: Json) -> None:
    await node.ack(request["id"])


async def _acknowledged_and_done(node: LedgerNode, request: Json) -> None:
    await node.ack(request["id"])
    node.do(request)


async def _report_unheard(node: LedgerNode, request: Json) -> None:
    """The report leaves, and whether the gateway took it before it died nobody knows."""
    node.do(request)
    await node.wire.request("node.invoke.result", node.result(request, node.ledger[request["id"]]))


@pytest.mark.parametrize("deed", [_nothing, _done, _acknowledged, _acknowledged_and_done, _report_unheard])
@pytest.mark.parametrize("end", ["gateway", "line"])
async def test_a_ledger_node_is_asked_again_and_does_it_once(daemon: Daemon, deed: Deed, end: str) -> None:
    node = LedgerNode(daemon)
    async with Rig(daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        await deed(node, await node.next_request())
        if end == "gateway":
            await rig.killed()
        await node.connect()
        again = asyncio.create_task(node.next_request())
        heard = asyncio.create_task(rig.reached(work_id, "done"))  # the unheard report was heard after all
        await asyncio.wait([again, heard], return_when=asyncio.FIRST_COMPLETED)
        if again.done():
            node.do(again.result())
            await node.report(work_id)
        again.cancel()
        assert (await heard)["payloadJSON"] == '{"shown": "hello"}'
        assert node.effects == {work_id: 1}


@pytest.mark.parametrize("acknowledges", [False, True])
@pytest.mark.parametrize("end", ["gateway", "line"])
async def test_another_node_is_never_asked_twice(daemon: Daemon, acknowledges: bool, end: str) -> None:
    node = ScriptedNode(daemon, commands=["system.notify"], caps=["system"])
    async with Rig(daemon, node) as rig:
        await node.connect()
        first = (await rig.submit(node, "first"))["id"]
        second = (await rig.submit(node, "second"))["id"]
        assert (await node.next_request())["id"] == first
        if acknowledges:
            await node.wire.call("node.pending.ack", {"ids": [first]})
        if end == "gateway":
            await rig.killed()
        await node.connect()
        lost = await rig.reached(first, "failed")
        assert lost["error"]["code"] == "OUTCOME_UNKNOWN"
        assert lost["reason"].startswith("outcome unknown: ")
        assert ("acknowledgedAtMs" in lost) == acknowledges
        # What was never sent is not lost with it.
        request = await node.next_request()
        assert request["id"] == second
        assert await node.answer(request, {"ok": True}) == {"ok": True}
        assert (await rig.work(second))["state"] == "done"
        assert [seen["id"] for seen in node.seen] == [first, second]


async def test_a_late_word_of_another_node_settles_what_was_unknown(daemon: Daemon) -> None:
    node = ScriptedNode(daemon, commands=["system.notify"], caps=["system"])
    async with Rig(daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        request = await node.next_request()
        await rig.killed()
        assert (await rig.work(work_id))["error"]["code"] == "OUTCOME_UNKNOWN"
        await node.connect()
        assert await node.answer(request, {"shown": True}) == {"ok": True}
        settled = await rig.work(work_id)
        assert settled["state"] == "done"
        assert settled["payloadJSON"] == '{"shown": true}'
        assert "error" not in settled
        assert await node.answer(request, {"shown": False}) == {"ok": True, "ignored": True}


async def test_a_node_that_lost_its_ledger_is_not_asked_twice(daemon: Daemon) -> None:
    node = LedgerNode(daemon)
    async with Rig(daemon, node) as rig:
        await node.connect()
        work_id = (await rig.submit(node))["id"]
        await node.next_request()
        await node.drop()
        node.caps.remove("work-ledger")
        await node.connect()
        lost = await rig.reached(work_id, "failed")
        assert lost["error"]["code"] == "OUTCOME_UNKNOWN"
        assert len(node.seen) == 1
