"""An edit of `nodes.commands` counts at once, for nodes that are connected and for what they work on.

Rows S0.3-4, S1.B-5.
"""

from tests.gateway.nodes.house import begin, failed, operator, refusal, until
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, described, invoke, pending_request
from tests.support.wire import Json

SNAP = {"camera.snap": {"format": "jpg", "base64": ""}, "system.notify": None}


def edit(daemon: Daemon, text: str) -> None:
    (daemon.home / "homarus.toml").write_text(text, encoding="utf-8")


async def test_a_command_that_is_denied_ends_where_it_is(daemon: Daemon) -> None:
    node = ScriptedNode(daemon, caps=["location"], commands=["location.get", "system.notify"])
    async with await operator(daemon) as admin, node:

        async def look() -> Json:
            return await described(admin, node.id)

        await node.approved_by(admin)
        denied_id = await begin(admin, node, "location.get")
        denied = await node.next_request()
        kept_id = await begin(admin, node, "system.notify")
        kept = await node.next_request()
        edit(daemon, '[nodes.commands]\ndeny = ["location.get"]\n')
        error = await failed(admin, denied_id)
        assert (error.code, error.details) == ("UNAVAILABLE", {"code": "POLICY_CHANGED"})
        assert (await node.cancelled(denied))["nodeId"] == node.id
        assert await node.answer(denied, {"lat": 1}) == {"ok": True, "ignored": True}
        assert await node.answer(kept) == {"ok": True}
        assert (await admin.response(kept_id))["ok"] is True
        row = await until(look, lambda row: row["commands"] == ["system.notify"])
        assert (row["approvalState"], row["caps"]) == ("approved", []), "the cap goes with its last command"
        refused = await refusal(invoke(admin, node, "location.get"))
        assert refused.details["reason"] == "command not allowlisted"
        assert "nodes.commands.deny" in refused.message
        edit(daemon, "[nodes.commands]\ndeny = []\n")
        await until(look, lambda row: row["commands"] == ["location.get", "system.notify"])


async def test_a_command_that_is_allowed_now_asks_for_its_approval(daemon: Daemon) -> None:
    """Also of a node that is connected: nothing has to be unplugged for it."""
    node = ScriptedNode(daemon, caps=["camera"], commands=["camera.snap", "system.notify"], answers=SNAP)
    async with await operator(daemon) as admin, node:
        shown = await pending_request(admin, node.id)
        assert (shown["caps"], shown["commands"]) == ([], ["system.notify"])
        await node.approved_by(admin)
        mark = admin.mark()
        edit(daemon, '[nodes.commands]\nallow = ["camera.snap"]\n')
        await admin.wait_event("node.pair.requested", since=mark)
        request = await pending_request(admin, node.id)
        assert (request["caps"], request["commands"]) == (["camera"], ["camera.snap", "system.notify"])
        refused = await refusal(invoke(admin, node, "camera.snap"))
        assert refused.details["reason"] == "command not approved"
        await node.approved_by(admin)
        assert (await invoke(admin, node, "camera.snap"))["payload"]["format"] == "jpg"
        edit(daemon, '[nodes.commands]\nallow = ["camera.snap"]\ndeny = ["camera.snap"]\n')

        async def look() -> Json:
            return await described(admin, node.id)

        await until(look, lambda row: row["commands"] == ["system.notify"])
        assert (await refusal(invoke(admin, node, "camera.snap"))).details["reason"] == (
            "command not allowlisted"
        )


async def test_a_request_loses_what_policy_forbids_meanwhile(daemon: Daemon) -> None:
    """Nobody is shown, and nobody approves, what the owner has just forbidden."""
    node = ScriptedNode(daemon, commands=["device.info", "system.notify"])
    async with await operator(daemon) as admin, node:
        shown = await pending_request(admin, node.id)
        edit(daemon, '[nodes.commands]\ndeny = ["device.info"]\n')
        await admin.wait_event(
            "node.pair.resolved", lambda payload: payload["requestId"] == shown["requestId"]
        )
        assert (
            await refusal(admin.call("node.pair.approve", {"requestId": shown["requestId"]}))
        ).message == ("unknown requestId")
        assert (await node.approved_by(admin))["commands"] == ["system.notify"]
