"""`node.list`, `node.describe` and `node.rename`: members and order as OpenClaw gives them (row S0.3-4).

The members are those of the answers recorded from OpenClaw 2026.9.6.
"""

import pytest

from tests.gateway.nodes.house import ELSEWHERE, PAIRING, READ, operator, refusal, until
from tests.support.daemon import Daemon
from tests.support.nodes import MAC, ScriptedNode, described, pending_request
from tests.support.wire import Json, WireClient

ALWAYS = {
    *("nodeId", "displayName", "platform", "version", "clientId", "clientMode", "deviceFamily"),
    *("caps", "commands", "sessionHost", "nodePluginTools", "approvalState", "lastConnectedAtMs"),
    *("lastSeenAtMs", "lastSeenReason", "paired", "connected"),
}
"""What OpenClaw's answers have of every node."""


async def rows_of(client: WireClient) -> list[Json]:
    return (await client.call("node.list", {}))["nodes"]


def mac(daemon: Daemon) -> ScriptedNode:
    """A Mac as OpenClaw's app introduces itself."""
    return ScriptedNode(
        daemon,
        caps=["system"],
        commands=["system.notify"],
        permissions={"location": True},
        client={"displayName": "PyNode", "modelIdentifier": "Mac16,1", **MAC},
    )


async def test_a_row_has_the_members_clients_know(shared_daemon: Daemon, admin: WireClient) -> None:
    node = mac(shared_daemon)
    async with node:
        await pending_request(admin, node.id)
        waiting = {"pendingRequestId", "pendingDeclaredCaps", "pendingDeclaredCommands"}
        present = {"connectedAtMs", "modelIdentifier"}
        row = next(row for row in await rows_of(admin) if row["nodeId"] == node.id)
        assert set(row) == ALWAYS | present | waiting | {"pendingDeclaredPermissions"}
        await node.approved_by(admin)
        row = next(row for row in await rows_of(admin) if row["nodeId"] == node.id)
        assert set(row) == ALWAYS | present | {"approvedAtMs", "permissions"}
        assert row["connectedAtMs"] == row["lastConnectedAtMs"] == row["lastSeenAtMs"]
        described_row = await described(admin, node.id)
        assert described_row.pop("ts") >= row["connectedAtMs"]
        assert described_row == row


async def test_a_row_says_what_the_node_said(shared_daemon: Daemon, admin: WireClient) -> None:
    node = mac(shared_daemon)
    await node.connect(pathEnv="/usr/bin:/bin")
    async with node:
        await node.approved_by(admin)
        row = await described(admin, node.id)
        expected = {
            "nodeId": node.id,
            "displayName": "PyNode",
            "platform": "macOS 26.0",
            "version": "2026.9.6",
            "clientId": "openclaw-macos",
            "clientMode": "node",
            "deviceFamily": "Mac",
            "modelIdentifier": "Mac16,1",
            "caps": ["system"],
            "commands": ["system.notify"],
            "permissions": {"location": True},
            "sessionHost": False,
            "nodePluginTools": [],
            "pathEnv": "/usr/bin:/bin",
            "approvalState": "approved",
            "lastSeenReason": "connect",
            "paired": True,
            "connected": True,
        }
        assert {name: row[name] for name in expected} == expected


async def test_an_absent_node_keeps_what_it_may_be_asked(shared_daemon: Daemon, admin: WireClient) -> None:
    node = mac(shared_daemon)
    async with node:
        await node.approved_by(admin)

    async def look() -> Json:
        return await described(admin, node.id)

    absent = await until(look, lambda row: "lastDisconnectedAtMs" in row)
    assert (absent["connected"], absent["commands"]) == (False, ["system.notify"])
    assert "connectedAtMs" not in absent
    assert absent["lastDisconnectedAtMs"] >= absent["lastConnectedAtMs"]


async def test_connected_nodes_come_first_then_names(daemon: Daemon) -> None:
    names = {"b-here": True, "A-here": True, "c-gone": False, "a-gone": False, "d-here": True}
    nodes = {name: ScriptedNode(daemon, client={"displayName": name}) for name in names}
    async with await operator(daemon) as admin:
        for name, stays in names.items():
            await nodes[name].connect()
            await pending_request(admin, nodes[name].id)
            if not stays:
                await nodes[name].close()
        listed = await admin.call("node.list", {})
        assert [row["displayName"] for row in listed["nodes"]] == [
            "A-here",
            "b-here",
            "d-here",
            "a-gone",
            "c-gone",
        ]
        assert listed["ts"] >= max(row["lastConnectedAtMs"] for row in listed["nodes"])
        assert "activeNodeId" not in listed
        for name, stays in names.items():
            if stays:
                await nodes[name].close()


async def test_an_owners_name_wins_and_lasts(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(shared_daemon, commands=["device.info"])
    async with node, await operator(shared_daemon, PAIRING) as helper:
        await pending_request(admin, node.id)
        answer = await helper.call("node.rename", {"nodeId": node.id, "displayName": "  desk  "})
        assert answer == {"nodeId": node.id, "displayName": "desk"}
        assert (await described(admin, node.id))["displayName"] == "desk"
        assert (await pending_request(admin, node.id))["displayName"] == "desk"
        assert (await node.approved_by(admin))["displayName"] == "desk"
        node.client = {**node.client, "displayName": "another"}
        await node.connect()
        assert (await described(admin, node.id))["displayName"] == "desk"
        async with await operator(shared_daemon, READ) as reader:
            refused = await refusal(reader.call("node.rename", {"nodeId": node.id, "displayName": "x"}))
            assert refused.details["missingScope"] == PAIRING


@pytest.mark.parametrize(
    ("method", "params", "message", "field"),
    [
        ("node.describe", {"nodeId": "nobody"}, "unknown nodeId", "nodeId"),
        ("node.rename", {"nodeId": "nobody", "displayName": "x"}, "unknown nodeId", "nodeId"),
        ("node.pair.remove", {"nodeId": "nobody"}, "unknown nodeId", "nodeId"),
        ("node.describe", {"nodeId": ""}, "invalid node.describe params", "nodeId"),
        ("node.describe", {}, "invalid node.describe params", "nodeId"),
        ("node.rename", {"nodeId": "nobody", "displayName": " "}, "displayName", "displayName"),
        ("node.rename", {"nodeId": "nobody", "displayName": "x" * 129}, "displayName", "displayName"),
        ("node.pair.approve", {"requestId": 7}, "requestId", "requestId"),
        ("node.pair.approve", {"requestId": "none"}, "unknown requestId", "requestId"),
    ],
)
async def test_bad_input_names_its_field(
    admin: WireClient, method: str, params: Json, message: str, field: str
) -> None:
    error = await refusal(admin.call(method, params))
    assert error.code == "INVALID_REQUEST"
    assert message in error.message
    assert field in json_field(error.details) or field in error.message


def json_field(details: Json) -> str:
    return str(details.get("field", ""))


async def test_two_nodes_of_one_name_are_two_rows(shared_daemon: Daemon, admin: WireClient) -> None:
    """Names are for people; ids tell devices apart."""
    one, two = (ScriptedNode(shared_daemon, client={"displayName": "twin"}) for _ in range(2))
    async with one, two:
        await pending_request(admin, one.id)
        await pending_request(admin, two.id)
        twins = [row["nodeId"] for row in await rows_of(admin) if row["displayName"] == "twin"]
        assert twins == sorted([one.id, two.id])


async def test_addresses_of_nodes_elsewhere_are_shown(proxied: Daemon) -> None:
    node = ScriptedNode(proxied, headers=ELSEWHERE)
    async with await operator(proxied) as admin:
        waits = await refusal(node.connect())
        await admin.call("device.pair.approve", {"requestId": waits.details["requestId"]})
        async with node:
            assert (await described(admin, node.id))["remoteIp"] == "203.0.113.5"
            node.headers = None
            await node.connect()
            assert "remoteIp" not in await described(admin, node.id)
