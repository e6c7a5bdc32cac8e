"""A node whose line is open and dead is found by the keepalive, and nothing that waits for it is lost (R14).

The nodes here stop reading: their TCP connections stay and no ping is answered, as when a phone loses its
network.
"""

import asyncio
import time

import pytest

from tests.gateway.nodes.ledger_node import COMMAND, LedgerNode, Rig
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, described, invoke
from tests.support.wire import Json, RpcError

FOUND_WITHIN_S = 45.0
"""R14. The gateway asks every 20 s and waits 20 s for the answer."""


async def fails(rig: Rig, node: ScriptedNode) -> RpcError:
    """Ask for something that is never answered."""
    with pytest.raises(RpcError) as failed:
        await invoke_patiently(rig, node)
    return failed.value


async def invoke_patiently(rig: Rig, node: ScriptedNode) -> Json:
    """Ask with more patience than the keepalive has."""
    call = {"nodeId": node.id, "command": "device.info", "idempotencyKey": node.id, "timeoutMs": 90_000}
    return await rig.admin.call("node.invoke", call, timeout_s=90.0)


@pytest.mark.timeout(150)
async def test_a_dead_line_is_found_and_work_comes_again(daemon: Daemon) -> None:
    ours = LedgerNode(daemon)
    other = ScriptedNode(daemon, caps=["system", "device"], commands=[COMMAND, "device.info"])
    async with Rig(daemon, ours, other) as rig:
        ids: dict[ScriptedNode, list[str]] = {}
        for node in (ours, other):
            await node.connect()
            ids[node] = [(await rig.submit(node, title))["id"] for title in ("first", "second")]
            assert (await node.next_request())["id"] == ids[node][0]
            node.wire.socket.transport.pause_reading()
        began_s = time.monotonic()
        for failure in await asyncio.gather(fails(rig, ours), fails(rig, other)):
            assert failure.code == "UNAVAILABLE"
            assert failure.details == {"code": "DISCONNECTED"}
        assert time.monotonic() - began_s < FOUND_WITHIN_S
        for node in (ours, other):
            assert (await described(rig.admin, node.id))["connected"] is False
            with pytest.raises(RpcError) as gone:
                await invoke(rig.admin, node, "device.info")
            assert gone.value.details["code"] == "NOT_CONNECTED"

        # What our node may have done is asked of it again; of the other one nobody will know.
        assert (await rig.work(ids[ours][0]))["state"] == "delivered"
        assert (await rig.reached(ids[other][0], "failed"))["error"]["code"] == "OUTCOME_UNKNOWN"
        await ours.connect()
        for work_id in ids[ours]:
            request = await ours.next_request()
            assert request["id"] == work_id
            ours.do(request)
            await ours.report(work_id)
            await rig.reached(work_id, "done")
        assert ours.order == ["first", "second"]
        assert set(ours.effects.values()) == {1}
        await other.connect()
        request = await other.next_request()
        assert request["id"] == ids[other][1]
        await other.answer(request, {"ok": True})
        await rig.reached(ids[other][1], "done")
