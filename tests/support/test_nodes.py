"""The scripted node against the shipped gateway: it is approved, answers by its table, and by hand."""

import pytest

from tests.support.daemon import Daemon
from tests.support.nodes import Failure, ScriptedNode, described, invoke
from tests.support.wire import Json, RpcError, WireClient


async def test_it_answers_by_its_table_and_by_hand(shared_daemon: Daemon) -> None:
    async def doubled(params: Json) -> Json:
        return {"result": 2 * params["n"]}

    answers = {"system.which": doubled, "system.notify": Failure("NOTIFICATIONS_UNAVAILABLE", "no desktop")}
    commands = ["system.notify", "system.which", "device.info"]
    async with (
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as admin,
        ScriptedNode(shared_daemon, caps=["system"], commands=commands, answers=answers) as node,
    ):
        await admin.connect()
        await node.approved_by(admin)
        assert (await described(admin, node.id))["commands"] == sorted(commands)
        assert (await invoke(admin, node, "system.which", params={"n": 21}))["payload"] == {"result": 42}
        with pytest.raises(RpcError) as failed:
            await invoke(admin, node, "system.notify", params={"title": "hi"})
        assert failed.value.details["nodeError"]["code"] == "NOTIFICATIONS_UNAVAILABLE"

        call = {"nodeId": node.id, "command": "device.info", "idempotencyKey": "by-hand"}
        request_id = await admin.request("node.invoke", call)
        assert await node.answer(await node.next_request(), {"deviceName": "laptop"}) == {"ok": True}
        answered = await admin.response(request_id)
        assert answered["payload"]["payload"] == {"deviceName": "laptop"}
        assert [request["command"] for request in node.seen] == [
            "system.which",
            "system.notify",
            "device.info",
        ]
