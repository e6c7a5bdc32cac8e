"""An agent runs a program on the official node host, when a person permits it from either command line.

Issue 3 "Done when" 1; rows S1.B-9, U5.
"""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop.asking import say
from tests.interop.conftest import Gateway
from tests.interop.laptop import Laptop, approve, started
from tests.support.daemon import HOMARUS, Daemon
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Payload, Recorder

# OpenClaw's agent calls the tool by another name and asks in its own way.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("homarus_only")]

# The turn waits for commands of a person, each of which starts a large program.
TURN_TIMEOUT_S = 120.0

UNAME = 'TOOL:node_run {"command": "uname -s", "node": "lap"}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptop(
    recorder: Recorder, cli: OpenClawCli, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Laptop]:
    """`openclaw node run`, approved."""
    async with started(recorder, tmp_path_factory.mktemp("node")) as node:
        await approve(node, cli)
        yield node


def ran(laptop: Laptop, mark: int) -> list[Payload]:
    """What the node was told to run after `mark`."""
    asked = laptop.recorder.events("node.invoke.request", mark)
    return [json.loads(one["paramsJSON"]) for one in asked if one["command"] == "system.run"]


async def question(laptop: Laptop, mark: int) -> Payload:
    """The request for a person's permission that came after `mark`."""
    return await laptop.recorder.event("exec.approval.requested", lambda _: True, mark)


async def test_openclaws_command_line_permits_it(laptop: Laptop, cli: OpenClawCli) -> None:
    mark = laptop.recorder.mark()
    async with asyncio.TaskGroup() as group:
        said = group.create_task(say(laptop.recorder, UNAME, timeout_s=TURN_TIMEOUT_S))
        asked = await question(laptop, mark)
        assert not ran(laptop, mark), "nothing runs before somebody has said yes"
        pending = (await cli.ok("approvals", "pending", "--json")).json()["approvals"]
        (entry,) = [one for one in pending if one["id"] == asked["id"]]
        assert "uname -s" in entry["summary"]
        assert asked["request"]["host"] == "node"
        await cli.ok("approvals", "resolve", asked["id"], "allow-once")
    assert "Linux" in said.result()
    (sent,) = ran(laptop, mark)
    assert (sent["approved"], sent["approvalDecision"]) == (True, "allow-once")
    assert sent["systemRunPlan"]["argv"][0].endswith("/uname")
    assert sent["runId"]


async def test_ours_permits_it(laptop: Laptop, gateway: Gateway) -> None:
    assert isinstance(gateway, Daemon)
    mark = laptop.recorder.mark()
    async with asyncio.TaskGroup() as group:
        said = group.create_task(say(laptop.recorder, UNAME, timeout_s=TURN_TIMEOUT_S))
        asked = await question(laptop, mark)
        listed = await homarus(gateway, "approvals", "list")
        assert "uname -s" in listed
        await homarus(gateway, "approvals", "allow", asked["id"])
    assert "Linux" in said.result()
    assert len(ran(laptop, mark)) == 1


async def test_a_refused_program_does_not_run(laptop: Laptop, cli: OpenClawCli) -> None:
    mark = laptop.recorder.mark()
    async with asyncio.TaskGroup() as group:
        said = group.create_task(say(laptop.recorder, UNAME, timeout_s=TURN_TIMEOUT_S))
        asked = await question(laptop, mark)
        await cli.ok("approvals", "resolve", asked["id"], "deny")
    assert "Linux" not in said.result()
    assert not ran(laptop, mark)


async def homarus(gateway: Daemon, *args: str) -> str:
    """What `homarus ARGS` prints, beside the gateway."""

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(HOMARUS), *args], env=gateway.env, capture_output=True, text=True, timeout=50, check=False
        )

    finished = await asyncio.to_thread(run)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
