"""An agent's program on `openclaw node run`, approved with `openclaw approvals`.

Issue 3 "Done when" 1; rows S1.B-9, DC-7.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop.asking import say
from tests.interop.laptop import Laptop, approve, started
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.wire import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("homarus_only")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptop(
    recorder: Recorder, cli: OpenClawCli, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Laptop]:
    """`openclaw node run`, approved."""
    async with started(recorder, tmp_path_factory.mktemp("node")) as node:
        await approve(node, cli)
        yield node


async def decided(laptop: Laptop, cli: OpenClawCli, command: str, decision: str) -> tuple[Json, str]:
    """Let the agent run `command` and answer the question; returns the question and what the agent said."""
    mark = laptop.recorder.mark()
    call = json.dumps({"command": command, "node": "lap"})
    answer = asyncio.create_task(say(laptop.recorder, f"TOOL:node_run {call}"))
    question = await laptop.recorder.event("exec.approval.requested", lambda _: True, mark)
    pending = (await cli.ok("approvals", "pending", "--json")).json()["approvals"]
    assert [entry["id"] for entry in pending] == [question["id"]]
    await cli.ok("approvals", "resolve", question["id"], decision)
    return question["request"], await answer


async def test_an_approved_program_runs_on_the_laptop(laptop: Laptop, cli: OpenClawCli) -> None:
    mark = laptop.recorder.mark()
    question, said = await decided(laptop, cli, "uname -s", "allow-once")
    assert question["command"].endswith("/uname -s")
    assert question["nodeId"] == laptop.node_id
    assert "Linux" in said
    asked = laptop.recorder.events("node.invoke.request", mark)
    (ran,) = [json.loads(one["paramsJSON"]) for one in asked if one["command"] == "system.run"]
    assert (ran["approved"], ran["approvalDecision"]) == (True, "allow-once")
    assert ran["systemRunPlan"] == question["systemRunPlan"] | ran["systemRunPlan"]
    reported = await laptop.reported("node.event", mark)
    assert reported["payload"]["handled"] is True, "the node's report about the run it was asked for"


async def test_a_denied_program_does_not_run(laptop: Laptop, cli: OpenClawCli) -> None:
    mark = laptop.recorder.mark()
    _, said = await decided(laptop, cli, "uname -r", "deny")
    assert "the answer was no" in said
    asked = laptop.recorder.events("node.invoke.request", mark)
    assert [one["command"] for one in asked] == ["system.run.prepare"]
