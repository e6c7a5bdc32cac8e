"""What nodes report about themselves: load, activity, a sign of life; and what they lend.

Rows S0.3-4, S1.M-7.

Source: OpenClaw docs/gateway/protocol/presence.md, docs/nodes/{presence,mcp-and-skills}.md (2026.9.6), and
answers recorded from it.
"""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.nodes.house import READ, operator, refusal, until
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, described, pending_request
from tests.support.wire import Json, WireClient

STATS: Json = {
    "cpuCount": 2,
    "loadAverage": [2.5, 7.25, 6.0],
    "memoryTotalBytes": 25_276_502_016,
    "memoryFreeBytes": 4_386_455_552,
    "diskTotalBytes": 270_553_174_016,
    "diskAvailableBytes": 70_963_888_128,
}
APP: Json = {"idleSeconds": 3, "source": "app"}


@pytest.fixture
async def node(shared_daemon: Daemon, admin: WireClient) -> AsyncIterator[ScriptedNode]:
    """An approved node with one command."""
    async with ScriptedNode(shared_daemon, commands=["system.notify", "mcp.tools.call.v1"]) as node:
        await node.approved_by(admin)
        yield node


async def test_load_is_kept_and_told(shared_daemon: Daemon, admin: WireClient, node: ScriptedNode) -> None:
    async with await operator(shared_daemon, READ) as reader:
        taken = await node.event("node.host.stats", {**STATS, "updatedAtMs": 5})
        assert taken == {"ok": True, "event": "node.host.stats", "handled": True, "reason": "updated"}
        told = (await reader.wait_event("node.hostStats", lambda p: p["nodeId"] == node.id))["payload"]
        updated_ms = told["hostStats"].pop("updatedAtMs")
        assert told["hostStats"] == STATS
        assert updated_ms > 1_600_000_000_000, "the gateway's own time"
        row = await described(admin, node.id)
        assert row["hostStats"] == {**STATS, "updatedAtMs": updated_ms}
        newer = {**STATS, "memoryFreeBytes": 1}
        await node.event("node.host.stats", newer)
    await node.close()

    async def look() -> Json:
        return await described(admin, node.id)

    absent = await until(look, lambda row: not row["connected"] and "lastDisconnectedAtMs" in row)
    assert absent["hostStats"]["memoryFreeBytes"] == 1, "the last word before it left"
    await node.connect()
    assert (await described(admin, node.id))["hostStats"]["memoryFreeBytes"] == 1


async def test_the_least_a_machine_can_say(node: ScriptedNode) -> None:
    """Windows has no load averages."""
    least = {"cpuCount": 1, "memoryTotalBytes": 1, "memoryFreeBytes": 0}
    assert (await node.event("node.host.stats", least))["reason"] == "updated"
    payload = await node.wire.call("node.event", {"event": "node.host.stats", "payload": least})
    assert payload["reason"] == "updated", "decoded, too"


@pytest.mark.parametrize(
    ("event", "payload", "field"),
    [
        ("node.host.stats", {**STATS, "cpuCount": 0}, "cpuCount"),
        ("node.host.stats", {**STATS, "memoryFreeBytes": -1}, "memoryFreeBytes"),
        ("node.host.stats", {**STATS, "loadAverage": [1, 2, 3, 4]}, "loadAverage"),
        ("node.host.stats", {"cpuCount": 1}, "memoryTotalBytes"),
        ("node.presence.activity", {"idleSeconds": -1, "source": "app"}, "idleSeconds"),
        ("node.presence.activity", {"idleSeconds": 2_592_001, "source": "app"}, "idleSeconds"),
        ("node.presence.activity", {"action": "dance"}, "action"),
        ("node.presence.alive", {"trigger": "because"}, "trigger"),
        ("node.presence.alive", {}, "trigger"),
    ],
)
async def test_bad_events_name_their_field(node: ScriptedNode, event: str, payload: Json, field: str) -> None:
    error = await refusal(node.event(event, payload))
    assert error.code == "INVALID_REQUEST"
    assert event in error.message
    assert field in error.message


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"\\ud800"'])
async def test_an_event_that_is_no_json_is_refused(node: ScriptedNode, text: str) -> None:
    error = await refusal(node.wire.call("node.event", {"event": "node.host.stats", "payloadJSON": text}))
    assert error.code == "INVALID_REQUEST"


async def test_an_unknown_event_is_answered_and_not_acted_on(node: ScriptedNode) -> None:
    taken = await node.event("acme.happened", {"x": 1})
    assert taken == {
        "ok": True,
        "event": "acme.happened",
        "handled": False,
        "reason": "unsupported_event",
    }


async def test_a_sign_of_life_is_stored_once_a_minute(admin: WireClient, node: ScriptedNode) -> None:
    before = await described(admin, node.id)
    assert before["lastSeenReason"] == "connect"
    taken = await node.event("node.presence.alive", {"trigger": "silent_push", "sentAtMs": 5})
    assert (taken["handled"], taken["reason"]) == (True, "persisted")
    row = await described(admin, node.id)
    assert row["lastSeenReason"] == "silent_push"
    assert row["lastSeenAtMs"] >= before["lastSeenAtMs"]
    assert (await node.event("node.presence.alive", {"trigger": "manual"}))["reason"] == "throttled"
    assert (await described(admin, node.id))["lastSeenReason"] == "silent_push"


async def test_the_node_used_last_is_the_active_one(daemon: Daemon) -> None:
    one, two = (ScriptedNode(daemon) for _ in range(2))
    async with await operator(daemon) as admin, one, two:
        taken = await one.event("node.presence.activity", {**APP, "idleSeconds": 0})
        assert (taken["handled"], taken["reason"]) == (True, "updated")
        await two.event("node.presence.activity", {**APP, "idleSeconds": 600})
        told = (await admin.wait_event("node.presence", lambda p: p["nodeId"] == two.id))["payload"]
        assert told["presenceUpdatedAtMs"] - told["lastActiveAtMs"] == 600_000
        listed = await admin.call("node.list", {})
        assert listed["activeNodeId"] == one.id
        assert {row["nodeId"]: row.get("active") for row in listed["nodes"]} == {one.id: True, two.id: None}
        assert (await described(admin, one.id))["active"] is True
        mark = admin.mark()
        cleared = await one.event("node.presence.activity", {"action": "clear"})
        assert cleared["reason"] == "cleared"
        await admin.wait_event("node.presence", lambda p: p["nodeId"] == one.id, since=mark)
        assert (await admin.call("node.list", {}))["activeNodeId"] == two.id
        again = await one.event("node.presence.activity", {"action": "clear"})
        assert (again["handled"], again["reason"]) == (True, "already_clear")
        assert "lastActiveAtMs" not in await described(admin, one.id)
        await two.close()
        assert "activeNodeId" not in await admin.call("node.list", {}), "an absent node is not in use"


async def test_watching_the_whole_system_takes_an_approved_permission(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    """Source: OpenClaw docs/nodes/presence.md; reports without a source are taken as of the whole system."""
    node = ScriptedNode(shared_daemon, permissions={"accessibility": True})
    async with node:
        for source in ({"source": "system"}, {}):
            taken = await node.event("node.presence.activity", {"idleSeconds": 1, **source})
            assert (taken["handled"], taken["reason"]) == (False, "permission_required")
        assert "lastActiveAtMs" not in await described(admin, node.id)
        await node.approved_by(admin)
        taken = await node.event("node.presence.activity", {"idleSeconds": 1, "source": "system"})
        assert (taken["handled"], taken["reason"]) == (True, "updated")


# What nodes lend


async def test_only_tools_whose_command_is_approved_are_lent(admin: WireClient, node: ScriptedNode) -> None:
    def tool(name: str, **how: object) -> Json:
        return {"pluginId": "acme", "name": name, "description": "does it", **how}

    tools = [
        tool("shout", command="system.notify", parameters={"type": "object"}),
        tool("remote", mcp={"server": "files", "tool": "read"}),
        tool("forbidden", command="system.run"),
        tool("nothing"),
    ]
    kept = await node.wire.call("node.pluginTools.update", {"tools": tools})
    assert kept == {"nodeId": node.id, "tools": tools[:2]}
    assert (await described(admin, node.id))["nodePluginTools"] == tools[:2]
    assert (await node.wire.call("node.pluginTools.update", {"tools": []}))["tools"] == []
    assert (await described(admin, node.id))["nodePluginTools"] == []
    error = await refusal(node.wire.call("node.pluginTools.update", {"tools": [tool("no name")]}))
    assert "tools" in error.message


async def test_a_tool_goes_with_its_approval(admin: WireClient, node: ScriptedNode) -> None:
    """A tool of a command that is not effective any more is not lent any longer."""
    tool = {"pluginId": "acme", "name": "shout", "description": "x", "command": "system.notify"}
    await node.wire.call("node.pluginTools.update", {"tools": [tool]})
    node.commands = ["mcp.tools.call.v1"]
    await node.connect()
    assert (await described(admin, node.id))["nodePluginTools"] == []
    assert (await node.wire.call("node.pluginTools.update", {"tools": [tool]}))["tools"] == []


async def test_skills_have_a_size(node: ScriptedNode) -> None:
    def skill(name: str, size: int) -> Json:
        return {"name": name, "description": "d", "content": "x" * size}

    skills = [skill("one", 10), skill("two-parts", 65_536)]
    assert (await node.wire.call("node.skills.update", {"skills": skills}))["skills"] == skills
    for bad, field in (
        ([skill("one", 65_537)], "content"),
        ([skill("Two--parts", 1)], "name"),
        ([skill(f"s{n}", 60_000) for n in range(9)], "skills"),
        ([skill(f"s{n}", 1) for n in range(65)], "skills"),
    ):
        error = await refusal(node.wire.call("node.skills.update", {"skills": bad}))
        assert error.code == "INVALID_REQUEST"
        assert field in error.message


async def test_runners_are_heard_of_approved_nodes_only(shared_daemon: Daemon, admin: WireClient) -> None:
    async with ScriptedNode(shared_daemon, commands=["system.notify"]) as node:
        error = await refusal(node.wire.call("node.runnerInventory.update", {"protocolFeatures": []}))
        assert error.code == "UNAVAILABLE"
        assert "awaiting operator approval" in error.message
        await node.approved_by(admin)
        answer = await node.wire.call("node.runnerInventory.update", {"protocolFeatures": []})
        assert answer == {"nodeId": node.id}
        await admin.wait_event("node.runnerInventory.changed", lambda p: p["nodeId"] == node.id)


async def test_no_refusal_comes_after_the_approval(shared_daemon: Daemon, admin: WireClient) -> None:
    """A node that asks while a person approves hears of both in the order in which they happened."""
    for _ in range(12):
        async with ScriptedNode(shared_daemon, commands=["system.notify"]) as node:
            request = await pending_request(admin, node.id)
            approve_id = await admin.request("node.pair.approve", {"requestId": request["requestId"]})
            ids = [
                await node.wire.request("node.runnerInventory.update", {"protocolFeatures": []})
                for _ in range(20)
            ]
            for one in ids:
                await node.wire.response(one)
            await admin.response(approve_id)
            await node.wire.wait_event("node.pair.resolved")
            frames = [frame for frame in node.wire.frames if frame.get("id") in ids or "event" in frame]
            approved_at = next(
                place for place, frame in enumerate(frames) if frame.get("event") == "node.pair.resolved"
            )
            assert all(frame["ok"] for frame in frames[approved_at + 1 :] if frame["type"] == "res")


async def test_a_nodes_rules_are_read_and_replaced(shared_daemon: Daemon, admin: WireClient) -> None:
    """`exec.approvals.node.get/set`: the node keeps the rules and has the last word."""
    rules: Json = {"path": "~/rules", "exists": True, "hash": "h1", "file": {"version": 1}}
    asked: list[Json] = []

    async def replaced(params: Json) -> Json:
        asked.append(params)
        return {**rules, "file": params["file"], "hash": "h2"}

    commands = ["system.execApprovals.get", "system.execApprovals.set", "system.run"]
    answers = {commands[0]: rules, commands[1]: replaced}
    async with ScriptedNode(shared_daemon, commands=commands, answers=answers) as node:
        await node.approved_by(admin)
        assert await admin.call("exec.approvals.node.get", {"nodeId": node.id}) == rules
        change: Json = {"nodeId": node.id, "file": {"version": 1, "agents": {}}, "baseHash": "h1"}
        answer = await admin.call("exec.approvals.node.set", change)
        assert (answer["hash"], answer["file"]) == ("h2", {"version": 1, "agents": {}})
        assert asked == [{"file": {"version": 1, "agents": {}}, "baseHash": "h1"}]
        error = await refusal(admin.call("exec.approvals.node.set", {"nodeId": node.id}))
        assert error.details["field"] == "file"
        node.answers[commands[0]] = "no rules"
        error = await refusal(admin.call("exec.approvals.node.get", {"nodeId": node.id}))
        assert (error.code, error.message) == ("UNAVAILABLE", "the node did not answer with its rules")
        async with await operator(shared_daemon, READ, "operator.write") as helper:
            error = await refusal(helper.call("exec.approvals.node.get", {"nodeId": node.id}))
            assert error.code == "FORBIDDEN"
