"""Who may decide on a node, and that exactly what was shown is decided on (rows S0.3-4, S0.3-14; case 16)."""

import base64
import json

import pytest

from tests.gateway.nodes.house import ELSEWHERE, PAIRING, READ, WRITE, operator, refusal
from tests.support.daemon import Daemon
from tests.support.nodes import IPHONE, ScriptedNode, described, invoke, pending_request
from tests.support.wire import Json, WireClient

ADMIN = "operator.admin"


@pytest.mark.parametrize(
    ("commands", "scopes", "missing"),
    [
        ([], [PAIRING], None),
        (["system.notify"], [PAIRING], WRITE),
        (["system.notify"], [PAIRING, WRITE], None),
        (["system.notify"], [ADMIN], None),
        (["system.which"], [PAIRING, WRITE], ADMIN),
        (["system.run", "system.notify"], [PAIRING, WRITE], ADMIN),
        (["fs.listDir"], [PAIRING, WRITE], ADMIN),
        (["system.run"], [PAIRING, ADMIN], None),
        (["system.notify"], [WRITE], PAIRING),
        ([], [READ], PAIRING),
    ],
)
async def test_an_approval_takes_what_the_commands_take(
    shared_daemon: Daemon, admin: WireClient, commands: list[str], scopes: list[str], missing: str | None
) -> None:
    async with (
        ScriptedNode(shared_daemon, commands=commands) as node,
        await operator(shared_daemon, *scopes) as person,
    ):
        request = await pending_request(admin, node.id)
        call = person.call("node.pair.approve", {"requestId": request["requestId"]})
        if missing is None:
            assert (await call)["node"]["commands"] == sorted(commands)
            return
        error = await refusal(call)
        assert (error.code, error.details["code"]) == ("FORBIDDEN", "MISSING_SCOPE")
        assert error.details["missingScope"] == missing
        assert (await pending_request(admin, node.id))["requestId"] == request["requestId"]
        assert (await described(admin, node.id))["commands"] == []


async def test_a_request_that_was_replaced_approves_nothing(shared_daemon: Daemon, admin: WireClient) -> None:
    """Somebody looks at a harmless request; the node comes back with more before the button is pressed."""
    node = ScriptedNode(shared_daemon, commands=["system.notify"])
    async with node:
        shown = await pending_request(admin, node.id)
        node.commands = ["system.notify", "system.run"]
        await node.connect()
        resolved = await admin.wait_event(
            "node.pair.resolved", lambda payload: payload["requestId"] == shown["requestId"]
        )
        assert resolved["payload"]["decision"] == "rejected", "whoever looks at it learns that it is over"
        replaced = await pending_request(admin, node.id)
        assert replaced["requestId"] != shown["requestId"]
        error = await refusal(admin.call("node.pair.approve", {"requestId": shown["requestId"]}))
        assert error.message == "unknown requestId"
        assert (await described(admin, node.id))["commands"] == []
        assert not node.wire.payloads("node.pair.resolved"), "nobody decided on the node"


async def test_what_a_node_takes_back_waits_no_longer(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.notify"])
    async with node:
        await node.approved_by(admin)
        node.commands = ["system.notify", "device.info"]
        await node.connect()
        shown = await pending_request(admin, node.id)
        node.commands = ["system.notify"]
        await node.connect()
        resolved = await admin.wait_event(
            "node.pair.resolved", lambda payload: payload["requestId"] == shown["requestId"]
        )
        assert resolved["payload"]["decision"] == "rejected"
        assert (await described(admin, node.id))["approvalState"] == "approved"
        waiting = (await admin.call("node.pair.list", {}))["pending"]
        assert node.id not in {request["nodeId"] for request in waiting}


async def test_asking_again_for_the_same_keeps_the_request(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.notify", "device.info"], caps=["system"])
    async with node:
        shown = await pending_request(admin, node.id)
        mark = admin.mark()
        node.commands = ["device.info", "system.notify", "device.info"]
        await node.connect()
        assert await pending_request(admin, node.id) == shown
        assert not admin.payloads("node.pair.requested", mark)
        assert not admin.payloads("node.pair.resolved", mark)


async def setup_code(admin: WireClient, profile: str) -> Json:
    """`auth` of a connect with a fresh setup code."""
    code = await admin.call("device.pair.setupCode", {"bootstrapProfile": profile, "includeQr": False})
    said: Json = json.loads(base64.urlsafe_b64decode(code["setupCode"] + "=="))
    return {"bootstrapToken": said["bootstrapToken"]}


async def test_a_setup_code_approves_the_first_surface_and_only_that(proxied: Daemon) -> None:
    """An admin minted the code for this one device. Source: OpenClaw docs/nodes/pairing-and-status.md."""
    node = ScriptedNode(
        proxied, commands=["system.notify", "system.run"], headers=ELSEWHERE, answers={"system.notify": None}
    )
    async with await operator(proxied) as admin:
        hello = await node.connect(auth=await setup_code(admin, "node"))
        assert hello["auth"]["method"] == "bootstrap-token"
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("approved", ["system.notify", "system.run"])
        assert (await invoke(admin, node, "system.notify"))["payload"] is None
        node.commands = ["system.notify", "system.run", "device.info"]
        await node.connect(auth={"deviceToken": node.device_token})
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == (
            "pending-reapproval",
            ["system.notify", "system.run"],
        )
        node.commands = ["system.which"]
        await node.connect(auth=await setup_code(admin, "node"))
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("pending-reapproval", [])
        await node.close()


async def test_a_setup_code_does_not_lift_the_command_policy(proxied: Daemon) -> None:
    node = ScriptedNode(
        proxied,
        caps=["camera"],
        commands=["camera.snap", "camera.list"],
        client=IPHONE,
        headers=ELSEWHERE,
    )
    async with await operator(proxied) as admin:
        await node.connect(auth=await setup_code(admin, "limited"))
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("approved", ["camera.list"])
        error = await refusal(invoke(admin, node, "camera.snap"))
        assert "requires explicit nodes.commands.allow opt-in" in error.message
        assert error.details == {"reason": "command not allowlisted", "command": "camera.snap"}
        await node.close()


async def test_the_silent_way_in_approves_no_surface(shared_daemon: Daemon, admin: WireClient) -> None:
    """On this machine the shared secret lets a device in; a person still decides what it may be asked."""
    async with ScriptedNode(shared_daemon, commands=["system.run"]) as node:
        request = await pending_request(admin, node.id)
        assert request["silent"] is True
        await node.connect(auth={"deviceToken": node.device_token})
        assert (await described(admin, node.id))["approvalState"] == "pending-approval"
