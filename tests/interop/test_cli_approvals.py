"""`openclaw approvals …` and `openclaw audit`: rules, requests, permissions for good, what agents did.

Issue 3, "Done when" 1 (`openclaw approvals` resolves); rows S1.B-9, U5.
"""

import json

import pytest

from tests.interop.asking import ask, connected, say
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.wire import payload_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_gateways_rules_are_read_and_changed(cli: OpenClawCli, recorder: Recorder) -> None:
    assert "Target" in (await cli.ok("approvals", "get", "--gateway")).stdout
    mark = recorder.mark()
    added = await cli.ok("approvals", "allowlist", "add", "--gateway", "/usr/bin/uptime")
    assert "uptime" in added.stdout
    assert recorder.methods(mark)[:2] == ["exec.approvals.get", "exec.approvals.set"]
    shown = (await cli.ok("approvals", "get", "--gateway", "--json")).json()
    (entry,) = shown["file"]["agents"]["*"]["allowlist"]
    assert entry["pattern"] == "/usr/bin/uptime"
    removed = await cli.ok("approvals", "allowlist", "remove", "--gateway", "/usr/bin/uptime")
    assert removed.code == 0
    after = (await ask(recorder, "exec.approvals.get"))["file"]["agents"]
    assert not after.get("*", {}).get("allowlist")


@pytest.mark.usefixtures("homarus_only")
async def test_a_request_is_listed_resolved_and_permitted_for_good(
    cli: OpenClawCli, recorder: Recorder
) -> None:
    """OpenClaw gives permissions for good to cron jobs only; here any agent's request can get one."""
    question = {"commandArgv": ["echo", "otters"], "agentId": "main", "twoPhase": True}
    async with await connected(recorder) as agent:
        request = await agent.request("exec.approval.request", question)
        approval_id = payload_of(await agent.response(request))["id"]
        pending = (await cli.ok("approvals", "pending", "--json")).json()["approvals"]
        assert [(entry["id"], entry["summary"]) for entry in pending] == [(approval_id, "echo otters")]
        resolve = ("approvals", "resolve", approval_id, "allow-always", "--expires-in-days", "30")
        assert "resolved allow-always" in (await cli.ok(*resolve)).stdout
        verdict = payload_of(await agent.response(request, nth=2))
        assert (verdict["id"], verdict["decision"]) == (approval_id, "allow-always")
        again = await agent.call("exec.approval.request", {**question, "twoPhase": False})
        assert again["decision"] == "allow-always"
    (grant,) = (await cli.ok("approvals", "grants", "list", "--json")).json()["grants"]
    assert (grant["command"], grant["mintedByApprovalId"]) == ("echo otters", approval_id)
    listed = (await cli.ok("approvals", "grants", "list")).stdout
    assert "echo otters" in listed
    assert "expires in 30d" in listed
    await cli.ok("approvals", "grants", "revoke", grant["grantId"])
    assert "revoked by" in (await cli.ok("approvals", "grants", "list")).stdout


async def test_what_agents_did_is_listed(cli: OpenClawCli, recorder: Recorder) -> None:
    await say(recorder, "something to audit")
    events = json.loads((await cli.ok("audit", "--json")).stdout)["events"]
    assert {"agent.run.started", "agent.run.finished"} <= {event["action"] for event in events}
    assert {event["agentId"] for event in events} == {"main"}
