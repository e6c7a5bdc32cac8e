"""`homarus nodes` against real nodes (rows S0.3-12, S1.B-5, S1.M-7, DC-7)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cli.command import Result, ask_async, one_line_error
from tests.support.daemon import Daemon
from tests.support.nodes import LINUX, Failure, ScriptedNode
from tests.support.wire import DeviceKey

COMMANDS = ["system.run", "system.run.prepare", "system.notify", "device.status"]


def laptop(daemon: Daemon, name: str = "lap", **more: Any) -> ScriptedNode:
    """A node with a few answers."""
    answers = {"system.notify": {"ok": True}, "device.status": {"uptimeSeconds": 7}}
    client = {**LINUX, "displayName": name}
    return ScriptedNode(
        daemon, caps=["system", "device"], commands=COMMANDS, answers=answers, client=client, **more
    )


@pytest.fixture
async def node(daemon: Daemon) -> AsyncIterator[ScriptedNode]:
    """A connected node that waits for approval."""
    async with laptop(daemon) as one:
        yield one


async def nodes(daemon: Daemon, *args: str) -> Result:
    """`homarus nodes args`."""
    return await ask_async(daemon, "nodes", *args)


async def done(daemon: Daemon, *args: str) -> str:
    """What a command that must succeed printed."""
    result = await nodes(daemon, *args)
    assert result.code == 0, result
    return result.out


async def test_a_waiting_node_is_seen_and_approved(daemon: Daemon, node: ScriptedNode) -> None:
    listed = await done(daemon, "list")
    assert "lap" in listed
    assert "waits for approval" in listed
    assert "homarus nodes pending" in listed
    pending = await done(daemon, "pending")
    assert node.id[:12] in pending
    assert "lap offers: device.status, system.notify, system.run, system.run.prepare" in pending
    approved = await done(daemon, "approve")
    assert f"approved lap ({node.id[:12]}); it may be asked for: device.status, " in approved
    (row,) = json.loads(await done(daemon, "list", "--json"))["nodes"]
    assert (row["approvalState"], row["connected"]) == ("approved", True)
    assert "connected" in await done(daemon, "list")
    assert "No node waits" in await done(daemon, "pending")


@pytest.mark.parametrize("by", ["request", "id", "prefix", "name"])
async def test_a_request_is_found_by_whatever_names_it(daemon: Daemon, node: ScriptedNode, by: str) -> None:
    (request,) = json.loads(await done(daemon, "pending", "--json"))["pending"]
    typed = {
        "request": request["requestId"],
        "id": node.id,
        "prefix": request["requestId"][:8],
        "name": "lap",
    }
    assert "turned down" in await done(daemon, "reject", typed[by])
    assert "No node waits" in await done(daemon, "pending")


async def test_a_node_is_described_renamed_and_removed(daemon: Daemon, node: ScriptedNode) -> None:
    await done(daemon, "approve")
    for typed in ("lap", "LAP", node.id, node.id[:6]):
        shown = await done(daemon, "describe", typed)
        assert node.id in shown
        assert "device.status, system.notify, system.run, system.run.prepare" in shown
    assert "to Desk" in await done(daemon, "rename", "lap", "Desk")
    assert json.loads(await done(daemon, "describe", "desk", "--json"))["displayName"] == "Desk"
    assert "removed Desk" in await done(daemon, "remove", "Desk")
    await node.wire.closed()
    assert "No node is there; on a device run: homarus node run" in await done(daemon, "list")


async def test_a_node_is_asked_and_shows_words(daemon: Daemon, node: ScriptedNode) -> None:
    await done(daemon, "approve")
    assert json.loads(await done(daemon, "invoke", "lap", "device.status")) == {"uptimeSeconds": 7}
    whole = json.loads(await done(daemon, "invoke", "lap", "device.status", "--params", "{}", "--json"))
    assert (whole["nodeId"], whole["payload"]) == (node.id, {"uptimeSeconds": 7})
    assert await done(daemon, "notify", "lap", "Tea is ready", "--title", "Kitchen") == "shown\n"
    assert json.loads(node.seen[-1]["paramsJSON"]) == {"title": "Kitchen", "body": "Tea is ready"}


async def test_the_load_of_machines_is_shown(daemon: Daemon, node: ScriptedNode) -> None:
    stats = {
        "cpuCount": 8,
        "loadAverage": [1.25, 1.0, 0.5],
        "memoryTotalBytes": 16_000_000_000,
        "memoryFreeBytes": 4_000_000_000,
        "diskTotalBytes": 9_000_000_000,
        "diskAvailableBytes": 3_000_000_000,
    }
    assert "-" in (await done(daemon, "status")).splitlines()[1]
    await node.event("node.host.stats", stats)
    shown = (await done(daemon, "status")).splitlines()[1]
    assert "1.25 of 8" in shown
    assert "4.0 GB of 16.0 GB" in shown
    assert "3.0 GB" in shown


async def test_every_failure_says_the_next_step(daemon: Daemon, node: ScriptedNode) -> None:
    assert "homarus nodes list" in one_line_error(await nodes(daemon, "describe", "fridge"), 1)
    assert "homarus nodes pending" in one_line_error(await nodes(daemon, "approve", "fridge"), 1)
    assert "waits for an approval" in one_line_error(await nodes(daemon, "invoke", "lap", "device.status"), 1)
    await done(daemon, "approve")
    assert "homarus node run" in one_line_error(await nodes(daemon, "approve"), 1)
    assert "homarus chat" in one_line_error(await nodes(daemon, "invoke", "lap", "system.run"), 2)
    for params in ("[]", "{", "nonsense"):
        wrong = await nodes(daemon, "invoke", "lap", "device.status", "--params", params)
        assert "--params" in one_line_error(wrong, 2)
    node.answers["device.status"] = Failure("UNAVAILABLE", "no battery")
    assert "no battery" in one_line_error(await nodes(daemon, "invoke", "lap", "device.status"), 1)
    assert "camera.snap" in one_line_error(await nodes(daemon, "invoke", "lap", "camera.snap"), 1)


async def test_a_node_that_does_not_answer_is_given_up(daemon: Daemon, node: ScriptedNode) -> None:
    await done(daemon, "approve")
    del node.answers["device.status"]
    silent = await nodes(daemon, "invoke", "lap", "device.status", "--timeout", "0.5")
    assert "TIMEOUT" in one_line_error(silent, 1)


async def test_one_of_two_of_a_name_is_named_by_its_id(daemon: Daemon, node: ScriptedNode) -> None:
    async with laptop(daemon) as other:
        assert "homarus nodes pending" in one_line_error(await nodes(daemon, "approve"), 2)
        both = one_line_error(await nodes(daemon, "describe", "lap"), 2)
        assert "lap means 2 nodes" in both
        assert node.id in await done(daemon, "describe", node.id[:12])
    # The other one has left: its name means the one that is there.
    assert node.id in await done(daemon, "describe", "lap")
    assert "seen " in (await done(daemon, "list")).splitlines()[2]
    assert other.id != node.id


async def test_hostile_names_cannot_draw_on_the_terminal(daemon: Daemon) -> None:
    async with laptop(daemon, name="x\x1b[2J\u202ey", key=DeviceKey()):
        for command in ("list", "pending", "status", "approve"):
            shown = await done(daemon, command)
            assert "\x1b" not in shown
            assert "\u202e" not in shown
