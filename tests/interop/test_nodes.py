"""`openclaw node run` from npm at our gateway: it pairs, waits, is approved, works, and comes back.

Issue 3 "Done when" 1; rows S0.3-4, S0.3-14, S1.B-5. The commands are those a person types, in that order.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.interop.conftest import Gateway
from tests.interop.laptop import DESKTOP, Laptop, answers, approve, started
from tests.support.daemon import TOKEN
from tests.support.nodes import ScriptedNode, pending_request
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.wire import WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptop(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Laptop]:
    """`openclaw node run`, connected and not approved."""
    async with started(recorder, tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def approved(laptop: Laptop, cli: OpenClawCli) -> Laptop:
    """The same, approved by `openclaw nodes approve`."""
    await approve(laptop, cli)
    return laptop


async def test_it_is_let_in_and_waits(laptop: Laptop, cli: OpenClawCli) -> None:
    (request,) = (await cli.ok("nodes", "pending", "--json")).json()
    assert (request["nodeId"], request["displayName"]) == (laptop.node_id, "lap")
    assert set(request["commands"]) >= DESKTOP
    assert "system.run" in request["commands"]
    assert request["requiredApproveScopes"] == ["operator.pairing", "operator.admin"]
    assert request["requestId"] in (await cli.ok("nodes", "pending")).stdout
    row = (await cli.ok("nodes", "describe", "--node", "lap", "--json")).json()
    assert (row["connected"], row["approvalState"]) == (True, "pending-approval")
    assert (row["caps"], row["commands"]) == ([], [])
    run = await cli.run("nodes", "invoke", "--node", "lap", "--command", "system.which", "--params", "{}")
    assert run.code == 1
    refused = answers(laptop.recorder, "node.runnerInventory.update")
    assert "awaiting operator approval" in json.dumps(refused[0].body), "as OpenClaw's node expects it"


async def test_it_is_approved_and_listed(approved: Laptop, cli: OpenClawCli) -> None:
    listed = (await cli.ok("nodes", "list", "--json")).json()
    assert listed["pending"] == []
    (node,) = [node for node in listed["paired"] if node["nodeId"] == approved.node_id]
    assert (node["approvalState"], node["connected"], node["paired"]) == ("approved", True, True)
    assert set(node["commands"]) >= DESKTOP
    shown = (await cli.ok("nodes", "list")).stdout
    assert "Paired: 1" in shown
    assert "lap" in shown
    status = (await cli.ok("nodes", "status", "--connected", "--json")).json()
    assert [node["displayName"] for node in status["nodes"]] == ["lap"]
    described = (await cli.ok("nodes", "describe", "--node", "lap")).stdout
    assert "paired · connected" in described
    assert "- system.run.prepare" in described


async def test_its_machine_is_shown(approved: Laptop, cli: OpenClawCli) -> None:
    """Its node says so each minute, and is heard from its approval on."""
    taken = await approved.reported("node.event")
    assert taken["payload"] == {
        "ok": True,
        "event": "node.host.stats",
        "handled": True,
        "reason": "updated",
    }
    row = (await cli.ok("nodes", "describe", "--node", "lap", "--json")).json()
    assert row["hostStats"]["cpuCount"] >= 1
    assert "Stats" in (await cli.ok("nodes", "describe", "--node", "lap")).stdout


async def test_it_does_what_it_is_asked(approved: Laptop, cli: OpenClawCli) -> None:
    asked = '{"bins": ["uname", "no-such-program"]}'
    which = ("nodes", "invoke", "--node", "lap", "--command", "system.which", "--params")
    answer = (await cli.ok(*which, asked)).json()
    assert answer["payload"]["bins"]["uname"].endswith("/uname")
    assert "no-such-program" not in answer["payload"]["bins"]
    # `nodes invoke` leaves programs to agents; the method itself does not.
    call = {"nodeId": approved.node_id, "command": "system.run.prepare", "idempotencyKey": "prepare"}
    params = json.dumps({**call, "params": {"command": ["uname", "-a"]}})
    prepared = (await cli.ok("gateway", "call", "node.invoke", "--json", "--params", params)).json()
    assert prepared["payload"]["plan"]["argv"][0].endswith("/uname")
    folder = ("nodes", "invoke", "--node", "lap", "--command", "fs.listDir", "--params")
    listed = (await cli.ok(*folder, json.dumps({"path": str(approved.cli.home)}))).json()
    assert ".openclaw" in {entry["name"] for entry in listed["payload"]["entries"]}


async def test_what_it_cannot_do_is_said_in_its_words(approved: Laptop, cli: OpenClawCli) -> None:
    notify = await cli.run("nodes", "notify", "--node", "lap", "--title", "hi", "--body", "there")
    assert notify.code == 1
    assert "NOTIFICATIONS_UNAVAILABLE" in notify.stderr
    (asked,) = approved.recorder.events("node.invoke.request")[-1:]
    assert json.loads(asked["paramsJSON"])["title"] == "hi"
    snap = await cli.run("nodes", "invoke", "--node", "lap", "--command", "camera.snap")
    assert snap.code == 1
    assert "commands.allow opt-in" in snap.stderr + snap.stdout
    unknown = await cli.run("nodes", "describe", "--node", "nobody")
    assert unknown.code == 1
    assert "nobody" in unknown.stderr


async def test_it_is_renamed(approved: Laptop, cli: OpenClawCli) -> None:
    try:
        assert "desk" in (await cli.ok("nodes", "rename", "--node", "lap", "--name", "desk")).stdout
        row = (await cli.ok("nodes", "describe", "--node", "desk", "--json")).json()
        assert (row["nodeId"], row["displayName"]) == (approved.node_id, "desk")
    finally:
        await cli.run("nodes", "rename", "--node", approved.node_id, "--name", "lap")


async def test_another_node_is_rejected(approved: Laptop, cli: OpenClawCli) -> None:
    recorder = approved.recorder
    url = f"ws://127.0.0.1:{recorder.port}/"
    phone = ScriptedNode(_Door(url), commands=["device.info"], client={"displayName": "phone"})
    async with phone, await WireClient.open(url, token=TOKEN) as admin:
        await admin.connect()
        request = await pending_request(admin, phone.id)
        mark = recorder.mark()
        await cli.ok("nodes", "reject", request["requestId"])
        told = await recorder.event("node.pair.resolved", lambda p: p["nodeId"] == phone.id, mark)
        assert told["decision"] == "rejected"
        assert (await cli.ok("nodes", "pending", "--json")).json() == []
        again = await cli.run("nodes", "reject", request["requestId"])
        assert again.code == 1
        assert "Unknown node pairing requestId" in again.stderr


async def test_it_comes_back_after_the_gateway(approved: Laptop, cli: OpenClawCli, gateway: Gateway) -> None:
    """Nobody approves it again, and it answers as before."""
    mark = approved.recorder.mark()
    gateway.close()
    await asyncio.to_thread(gateway.launch)
    await approved.reported("node.runnerInventory.update", mark)
    row = (await cli.ok("nodes", "describe", "--node", "lap", "--json")).json()
    assert (row["approvalState"], row["connected"]) == ("approved", True)
    which = ("nodes", "invoke", "--node", "lap", "--command", "system.which", "--params")
    answer = (await cli.ok(*which, '{"bins": ["uname"]}')).json()
    assert answer["payload"]["bins"]["uname"].endswith("/uname")


async def test_it_is_removed(approved: Laptop, cli: OpenClawCli) -> None:
    """The last test of this file: afterwards the node is a stranger that asks again."""
    recorder = approved.recorder
    mark = recorder.mark()
    shown = await cli.ok("nodes", "remove", "--node", "lap")
    assert approved.node_id in shown.stdout or "lap" in shown.stdout
    told = await recorder.event("node.pair.resolved", lambda p: p["decision"] == "removed", mark)
    assert told["nodeId"] == approved.node_id
    assert 4001 in [one.close_code for one in recorder.connections]
    # It knows the shared secret of this machine, so it is back, with nothing of what it had.
    await approved.reported("node.runnerInventory.update", mark, ok=False)
    row = (await cli.ok("nodes", "describe", "--node", approved.node_id, "--json")).json()
    assert (row["approvalState"], row["commands"], row["caps"]) == ("pending-approval", [], [])


@dataclass(frozen=True)
class _Door:
    """The recorder's address, for a scripted node."""

    ws_url: str
    token: str = TOKEN
