"""The two gates: a device is let in, and then what it may be asked for is approved (rows S0.3-4, S0.3-14).

Case 18: a node that comes back with more than was approved keeps what it had and asks for the rest.
"""

from tests.gateway.nodes.house import ELSEWHERE, PAIRING, READ, operator, refusal
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, described, invoke, pending_request
from tests.support.wire import WireClient

NOTIFY = {"system.notify": {"ok": True}}


async def test_an_unapproved_node_is_connected_and_may_do_nothing(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    node = ScriptedNode(shared_daemon, caps=["system"], commands=["system.notify"], answers=NOTIFY)
    async with node, await operator(shared_daemon, READ) as reader:
        request = await pending_request(admin, node.id)
        row = await described(admin, node.id)
        assert (row["connected"], row["paired"], row["approvalState"]) == (True, True, "pending-approval")
        assert (row["caps"], row["commands"], row.get("permissions")) == ([], [], None)
        assert row["pendingRequestId"] == request["requestId"]
        assert row["pendingDeclaredCaps"] == ["system"]
        assert row["pendingDeclaredCommands"] == ["system.notify"]
        seen = await described(reader, node.id)
        assert not [name for name in seen if name.startswith("pending")], "only for who may approve"
        assert seen["approvalState"] == "pending-approval"
        error = await refusal(invoke(admin, node, "system.notify"))
        assert error.code == "INVALID_REQUEST"
        assert error.details == {"reason": "command not approved", "command": "system.notify"}
        assert not node.seen


async def test_an_approval_counts_without_a_reconnect(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(
        shared_daemon,
        caps=["system"],
        commands=["system.notify", "device.info"],
        permissions={"notifications": True, "camera": False},
        answers=NOTIFY,
    )
    async with node:
        approved = await node.approved_by(admin)
        assert (approved["nodeId"], approved["caps"]) == (node.id, ["system"])
        assert approved["commands"] == ["device.info", "system.notify"], "sorted"
        assert approved["createdAtMs"] <= approved["approvedAtMs"]
        told = (await node.wire.wait_event("node.pair.resolved"))["payload"]
        assert (told["nodeId"], told["decision"]) == (node.id, "approved")
        heard = (await admin.wait_event("node.pair.resolved", lambda p: p["nodeId"] == node.id))["payload"]
        assert heard == told
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("approved", ["device.info", "system.notify"])
        assert row["permissions"] == {"notifications": True, "camera": False}
        assert row["approvedAtMs"] == approved["approvedAtMs"]
        assert "pendingRequestId" not in row
        assert (await invoke(admin, node, "system.notify"))["payload"] == {"ok": True}


async def test_a_node_from_elsewhere_passes_both_gates(proxied: Daemon) -> None:
    """Letting the device in says nothing about what it may be asked for."""
    node = ScriptedNode(proxied, commands=["system.notify"], answers=NOTIFY, headers=ELSEWHERE)
    async with await operator(proxied) as admin:
        waits = await refusal(node.connect())
        assert waits.details["code"] == "PAIRING_REQUIRED"
        assert node.id not in {row["nodeId"] for row in (await admin.call("node.list", {}))["nodes"]}
        await admin.call("device.pair.approve", {"requestId": waits.details["requestId"]})
        async with node:
            request = await pending_request(admin, node.id)
            assert request["requestId"] != waits.details["requestId"]
            assert (request["silent"], request["remoteIp"]) == (False, "203.0.113.5")
            assert (await described(admin, node.id))["remoteIp"] == "203.0.113.5"
            await refusal(invoke(admin, node, "system.notify"))
            await node.approved_by(admin)
            assert (await invoke(admin, node, "system.notify"))["ok"] is True


async def test_what_waits_is_shown_as_openclaw_shows_it(shared_daemon: Daemon, admin: WireClient) -> None:
    """Members as recorded in the reference, section 1.2; commands policy forbids are left out in silence."""
    node = ScriptedNode(
        shared_daemon,
        caps=["camera", "system"],
        commands=["system.which", "camera.snap", "acme.hello"],
        permissions={"camera": True},
        client={"displayName": "Pi", "modelIdentifier": "rpi5", "version": "2026.9.6"},
    )
    async with node:
        request = dict(await pending_request(admin, node.id))
        assert request.pop("requestId")
        assert request.pop("ts") > 0
        assert request == {
            "nodeId": node.id,
            "clientId": "node-host",
            "clientMode": "node",
            "displayName": "Pi",
            "platform": "linux",
            "version": "2026.9.6",
            "deviceFamily": "Linux",
            "modelIdentifier": "rpi5",
            "caps": ["system"],
            "commands": ["system.which"],
            "permissions": {"camera": True},
            "requiredApproveScopes": ["operator.pairing", "operator.admin"],
            "silent": True,
        }
        announced = await admin.wait_event("node.pair.requested", lambda p: p["nodeId"] == node.id)
        (listed,) = [
            one for one in (await admin.call("node.pair.list", {}))["pending"] if one["nodeId"] == node.id
        ]
        assert announced["payload"] == listed


async def test_18_a_node_that_declares_more_keeps_what_it_had(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.notify"], answers=NOTIFY)
    async with node:
        await node.approved_by(admin)
        node.caps, node.commands = ["camera"], ["system.notify", "system.run", "camera.list"]
        await node.connect()
        request = await pending_request(admin, node.id)
        assert request["commands"] == ["camera.list", "system.notify", "system.run"]
        assert request["requiredApproveScopes"] == ["operator.pairing", "operator.admin"]
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"], row["caps"]) == (
            "pending-reapproval",
            ["system.notify"],
            [],
        )
        assert (await invoke(admin, node, "system.notify"))["ok"] is True
        refused = await refusal(invoke(admin, node, "system.run", params={"command": ["id"]}))
        assert refused.details["reason"] == "command not approved"
        assert [asked["command"] for asked in node.seen] == ["system.notify"]
        await node.approved_by(admin)
        row = await described(admin, node.id)
        assert row["commands"] == ["camera.list", "system.notify", "system.run"]
        assert row["caps"] == ["camera"]


async def test_18_one_more_permission_or_capability_asks_again(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.notify"], permissions={"camera": False})
    async with node:
        await node.approved_by(admin)
        node.permissions = {"camera": True}
        await node.connect()
        assert (await pending_request(admin, node.id))["permissions"] == {"camera": True}
        row = await described(admin, node.id)
        assert (row["approvalState"], row["permissions"]) == ("pending-reapproval", {"camera": False})
        node.permissions, node.caps = {"camera": False}, ["canvas"]
        await node.connect()
        assert (await described(admin, node.id))["approvalState"] == "pending-reapproval"
        assert (await described(admin, node.id))["caps"] == []


async def test_declaring_less_needs_nobody_and_declaring_it_again_neither(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    node = ScriptedNode(
        shared_daemon,
        caps=["system", "device"],
        commands=["system.notify", "device.info"],
        permissions={"camera": True},
    )
    async with node:
        await node.approved_by(admin)
        mark = admin.mark()
        node.caps, node.commands, node.permissions = ["system"], ["system.notify"], {"camera": False}
        await node.connect()
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"], row["caps"]) == (
            "approved",
            ["system.notify"],
            ["system"],
        )
        assert row["permissions"] == {"camera": False}
        gone = await refusal(invoke(admin, node, "device.info"))
        assert gone.details["reason"] == "command not declared by node"
        node.caps, node.commands, node.permissions = (
            ["system", "device"],
            ["system.notify", "device.info"],
            {"camera": True},
        )
        await node.connect()
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("approved", ["device.info", "system.notify"])
        assert row["permissions"] == {"camera": True}
        assert not admin.payloads("node.pair.requested", mark)


async def test_a_node_that_declares_nothing_says_so(shared_daemon: Daemon, admin: WireClient) -> None:
    async with ScriptedNode(shared_daemon) as node:
        assert (await pending_request(admin, node.id))["requiredApproveScopes"] == [PAIRING]
        await node.approved_by(admin)
        refused = await refusal(invoke(admin, node, "system.notify"))
        assert refused.details["reason"] == "node did not declare commands"


async def test_a_rejected_node_stays_without_rights_and_may_ask_again(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.notify"], answers=NOTIFY)
    async with node:
        first = await pending_request(admin, node.id)
        answer = await admin.call("node.pair.reject", {"requestId": first["requestId"]})
        assert answer == {"requestId": first["requestId"], "nodeId": node.id}
        told = (await node.wire.wait_event("node.pair.resolved"))["payload"]
        assert (told["requestId"], told["decision"]) == (first["requestId"], "rejected")
        assert (await described(admin, node.id))["approvalState"] == "unapproved"
        for method in ("node.pair.approve", "node.pair.reject"):
            error = await refusal(admin.call(method, {"requestId": first["requestId"]}))
            assert (error.code, error.message) == ("INVALID_REQUEST", "unknown requestId")
            assert error.details["field"] == "requestId"
        await node.connect()
        assert (await pending_request(admin, node.id))["requestId"] != first["requestId"]


async def test_rejecting_more_leaves_what_was_approved(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(shared_daemon, commands=["system.notify"], answers=NOTIFY)
    async with node:
        await node.approved_by(admin)
        node.commands = ["system.notify", "device.info"]
        await node.connect()
        request = await pending_request(admin, node.id)
        await admin.call("node.pair.reject", {"requestId": request["requestId"]})
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("approved", ["system.notify"])
        assert (await invoke(admin, node, "system.notify"))["ok"] is True


async def test_what_waits_survives_the_node_and_the_gateway(daemon: Daemon) -> None:
    """Requests do not expire. Source: OpenClaw docs/gateway/pairing.md (2026.9.6)."""
    node = ScriptedNode(daemon, commands=["system.notify"], answers=NOTIFY)
    async with await operator(daemon) as admin, node:
        request = await pending_request(admin, node.id)
    daemon.kill()
    await daemon.start()
    async with await operator(daemon) as admin:
        assert await pending_request(admin, node.id) == request
        await node.approved_by(admin)
        row = await described(admin, node.id)
        assert (row["connected"], row["approvalState"]) == (False, "approved")
        assert row["commands"] == ["system.notify"], "what it may be asked when it is back"
        mark = admin.mark()
        async with node:
            assert (await invoke(admin, node, "system.notify"))["ok"] is True
        assert not admin.payloads("node.pair.requested", mark)
