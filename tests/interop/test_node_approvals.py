"""`openclaw approvals … --node`: the rules of a node are read and changed through our gateway.

Issue 3 "Done when" 1; row S1.B-9.
"""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop.laptop import Laptop, approve, started
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptop(
    recorder: Recorder, cli: OpenClawCli, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Laptop]:
    """`openclaw node run`, approved."""
    async with started(recorder, tmp_path_factory.mktemp("node")) as node:
        await approve(node, cli)
        yield node


async def test_its_rules_are_read(laptop: Laptop, cli: OpenClawCli) -> None:
    rules = (await cli.ok("approvals", "get", "--node", "lap", "--json")).json()
    assert rules["exists"] is True
    assert rules["file"]["version"] == 1
    shown = (await cli.ok("approvals", "get", "--node", "lap")).stdout
    assert f"node:{laptop.node_id}" in shown
    assert rules["hash"] in shown


async def test_a_program_is_added_to_its_list(laptop: Laptop, cli: OpenClawCli) -> None:
    before = (await cli.ok("approvals", "get", "--node", "lap", "--json")).json()
    mark = laptop.recorder.mark()
    await cli.ok("approvals", "allowlist", "add", "--node", "lap", "/usr/bin/uname")
    assert "exec.approvals.node.set" in laptop.recorder.methods(mark)
    after = (await cli.ok("approvals", "get", "--node", "lap", "--json")).json()
    assert after["hash"] != before["hash"]
    assert "/usr/bin/uname" in json.dumps(after["file"]["agents"])


async def test_a_change_on_top_of_old_rules_is_refused(laptop: Laptop, cli: OpenClawCli) -> None:
    """The node itself holds the hash against its rules."""
    call = {"nodeId": laptop.node_id, "file": {"version": 1}, "baseHash": "not-the-hash"}
    run = await cli.run("gateway", "call", "exec.approvals.node.set", "--json", "--params", json.dumps(call))
    assert run.code == 1
    error = run.json()["error"]
    assert "changed" in error["message"]
    after = (await cli.ok("approvals", "get", "--node", "lap", "--json")).json()
    assert after["hash"] != "not-the-hash"


async def test_an_operator_runs_a_program(laptop: Laptop, cli: OpenClawCli) -> None:
    """The gateway gives it a run id, under which the node reports, and no approval that nobody gave."""
    mark = laptop.recorder.mark()
    call = {"nodeId": laptop.node_id, "command": "system.run", "idempotencyKey": "run-echo"}
    params = {**call, "params": {"command": ["echo", "otters"], "timeoutMs": 5000, "sessionKey": "node"}}
    run = await cli.ok("gateway", "call", "node.invoke", "--json", "--params", json.dumps(params))
    assert run.json()["payload"]["stdout"] == "otters\n"
    (asked,) = laptop.recorder.events("node.invoke.request", mark)
    sent = json.loads(asked["paramsJSON"])
    assert sent["command"] == ["echo", "otters"]
    assert sent["runId"]
    assert not {"approved", "approvalDecision", "systemRunPlan"} & set(sent)
