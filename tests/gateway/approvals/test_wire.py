"""Bindings, grants and rules over the running daemon, and the command line for people (U5; case 39)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.approvals.request import harmless, plan_text
from tests.cli.command import ask, ask_async, one_line_error
from tests.gateway.approvals.test_approvals import operator
from tests.support.daemon import Daemon
from tests.support.openclaw import PUBLISHED_SCHEMA
from tests.support.schema import ProtocolSchema
from tests.support.wire import Json, RpcError, WireClient

SCHEMA = ProtocolSchema(PUBLISHED_SCHEMA)


def valid(payload: Json, definition: str) -> Json:
    """`payload`, once it is what OpenClaw's schema defines."""
    SCHEMA.validator(definition).validate(payload)  # pyright: ignore[reportUnknownMemberType] - their stub
    return payload


def node_request(approval_id: str, *argv: str, **changes: Any) -> Json:
    """A request as OpenClaw's runtime makes it for a node."""
    plan = {
        "argv": list(argv),
        "cwd": "/home/me",
        "commandText": plan_text(argv),
        "agentId": "main",
        "sessionKey": "agent:main:main",
    }
    return {
        "id": approval_id,
        "host": "node",
        "nodeId": "laptop",
        "systemRunPlan": plan,
        "env": {"API_TOKEN": "canary-secret-1"},
        "twoPhase": True,
        **changes,
    }


async def test_a_request_for_a_node_is_bound_and_told_without_the_environments_values(
    shared_daemon: Daemon,
) -> None:
    client = await operator(shared_daemon)
    request = node_request("node-1", "/usr/bin/uname", "-a")
    valid(request, "ExecApprovalRequestParams")
    since = client.mark()
    await client.call("exec.approval.request", request)
    event = (await client.wait_event("exec.approval.requested", since=since))["payload"]
    told = event["request"]
    assert told["command"] == "/usr/bin/uname -a"
    assert (told["host"], told["nodeId"], told["envKeys"]) == ("node", "laptop", ["API_TOKEN"])
    assert told["systemRunBinding"]["argv"] == ["/usr/bin/uname", "-a"]
    assert len(told["systemRunBinding"]["envHash"]) == 64
    assert told["systemRunPlan"]["commandText"] == "/usr/bin/uname -a"
    valid((await client.call("approval.get", {"id": "node-1"})), "ApprovalGetResult")
    entries = await client.call("audit.entries", {"subject": "node-1"})
    assert "canary-secret-1" not in json.dumps([client.frames, entries])
    await client.call("exec.approval.resolve", {"id": "node-1", "decision": "deny"})
    await client.close()


async def test_what_is_shown_is_what_is_bound(shared_daemon: Daemon) -> None:
    client = await operator(shared_daemon)
    lying = {"id": "shown-1", "command": "ls", "commandArgv": ["rm", "-rf", "x"], "twoPhase": True}
    await client.call("exec.approval.request", lying)
    shown = (await client.call("approval.get", {"id": "shown-1"}))["approval"]["presentation"]
    assert shown["commandText"] == "rm -rf x"
    await client.call("exec.approval.resolve", {"id": "shown-1", "decision": "deny"})
    await client.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"systemRunPlan": None}, "systemRunPlan"),
        ({"nodeId": None}, "nodeId"),
        ({"systemRunPlan": {"argv": ["rm", "x"], "cwd": None, "commandText": "ls"}}, "systemRunPlan"),
    ],
)
async def test_a_bad_request_for_a_node_names_the_field(
    shared_daemon: Daemon, changes: Json, field: str
) -> None:
    client = await operator(shared_daemon)
    request = node_request("bad-1", "/usr/bin/uname", **changes)
    with pytest.raises(RpcError, match=field) as refused:
        await client.call("exec.approval.request", request)
    assert refused.value.code == "INVALID_REQUEST"
    plan = {**node_request("x", "/usr/bin/uname")["systemRunPlan"], "commandText": "/usr/bin/id"}
    with pytest.raises(RpcError, match="commandText"):
        await client.call(
            "exec.approval.request", node_request("bad-1", "/usr/bin/uname", systemRunPlan=plan)
        )
    await client.close()


async def test_ten_kilobytes_are_shown_whole_with_everything_misleading_spelled_out(daemon: Daemon) -> None:
    client = await operator(daemon)
    hidden = "".join(map(chr, (0x1B, 0x07, 0x0D, 0x0A, 0x202E, 0x2066, 0x200B, 0x2060, 0xFEFF, 0x9B, 0x3164)))
    command = "echo " + "x" * 10_000 + hidden + " end"
    await client.call("exec.approval.request", {"id": "big-1", "command": command, "twoPhase": True})
    shown = (await client.call("approval.get", {"id": "big-1"}))["approval"]["presentation"]["commandText"]
    assert shown == harmless(command)
    assert shown.startswith("echo " + "x" * 10_000)
    assert shown.endswith(" end")
    assert all(f"\\u{ord(char):04x}" in shown for char in hidden)
    assert shown.isprintable()
    listed = (await ask_async(daemon, "approvals", "list")).out
    assert shown in listed
    assert not set(hidden) - {"\n"} & set(listed)
    await client.close()


async def allowed_always(client: WireClient, approval_id: str, *argv: str) -> Json:
    """Ask, and have it allowed for good; returns the grant."""
    request = {"id": approval_id, "commandArgv": list(argv), "agentId": "main", "twoPhase": True}
    await client.call("exec.approval.request", request)
    resolve = {"id": approval_id, "kind": "exec", "decision": "allow-always", "grantExpiresInDays": 3}
    await client.call("approval.resolve", resolve)
    page = valid(await client.call("exec.approval.grants.list", {}), "ExecApprovalGrantsListResult")
    return dict(page["grants"][0])


async def test_allow_always_answers_the_same_request_until_it_is_revoked(daemon: Daemon) -> None:
    client = await operator(daemon)
    grant = await allowed_always(client, "always-1", "date", "-u")
    assert grant["expiresAtMs"] - grant["createdAtMs"] == 3 * 86_400_000
    assert (grant["command"], grant["mintedByApprovalId"]) == ("date -u", "always-1")
    daemon.kill()
    daemon.launch()
    client = await operator(daemon)
    same = {"commandArgv": ["date", "-u"], "agentId": "main"}
    verdict = await client.call("exec.approval.request", same)
    assert verdict["decision"] == "allow-always"
    assert await client.call("exec.approval.list", {}) == []
    other = {"commandArgv": ["date"], "agentId": "main", "timeoutMs": 1}
    assert (await client.call("exec.approval.request", other))["decision"] is None
    (grant,) = (await client.call("exec.approval.grants.list", {}))["grants"]
    assert grant["useCount"] == 1
    revoke = {"grantId": grant["grantId"]}
    outcome = await client.call("exec.approval.grants.revoke", revoke)
    valid(outcome, "ExecApprovalGrantsRevokeResult")
    assert outcome == {"outcome": "revoked"}
    assert (await client.call("exec.approval.request", {**same, "timeoutMs": 1}))["decision"] is None
    actions = [
        row["action"] for row in (await client.call("audit.entries", {"action": "approval.*"}))["entries"]
    ]
    assert {"approval.asked", "approval.allowed", "approval.granted", "approval.grant.revoked"} <= set(
        actions
    )
    await client.close()


async def test_the_rules_file_is_kept_with_a_guard(daemon: Daemon) -> None:
    client = await operator(daemon)
    before = valid(await client.call("exec.approvals.get", {}), "ExecApprovalsSnapshot")
    assert (before["exists"], before["file"]) == (False, {"version": 1, "defaults": {}, "agents": {}})
    assert before["resolvedDefaults"] == {
        "security": "allowlist",
        "ask": "on-miss",
        "askFallback": "deny",
        "autoAllowSkills": False,
    }
    file = {
        "version": 1,
        "socket": {"path": "/x.sock", "token": "canary-secret-2"},
        "defaults": {"security": "full"},
        "agents": {"main": {"allowlist": [{"pattern": "/usr/bin/uptime", "lastUsedAt": 1795192038039}]}},
    }
    written = await client.call("exec.approvals.set", {"file": file, "baseHash": before["hash"]})
    valid(written, "ExecApprovalsSnapshot")
    (entry,) = written["file"]["agents"]["main"]["allowlist"]
    assert (entry["pattern"], entry["lastUsedAt"], bool(entry["id"])) == (
        "/usr/bin/uptime",
        1795192038039,
        True,
    )
    assert written["resolvedDefaults"]["security"] == "full"
    assert "canary-secret-2" not in json.dumps(written)
    for base in (before["hash"], None):
        params = {"file": file, **({"baseHash": base} if base else {})}
        with pytest.raises(RpcError, match="baseHash") as refused:
            await client.call("exec.approvals.set", params)
        assert refused.value.code == "INVALID_REQUEST"
    daemon.kill()
    daemon.launch()
    client = await operator(daemon)
    assert await client.call("exec.approvals.get", {}) == written
    changed = (await client.call("audit.entries", {"action": "exec.approvals.set"}))["entries"]
    assert changed[-1]["details"]["agents"] == ["main"]
    await client.close()


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ({"version": 2}, "version"),
        ({"version": 1, "defaults": {"security": "maybe"}}, "security"),
        ({"version": 1, "defaults": {"askFallback": "full"}}, "defaults/askFallback"),
        ({"version": 1, "agents": {"main": {"autoAllowSkills": True}}}, "agents/main/autoAllowSkills"),
        ({"version": 1, "agents": {"main": {"allowlist": [{"pattern": ""}]}}}, "pattern"),
    ],
)
async def test_a_bad_rules_file_names_the_field(shared_daemon: Daemon, file: Json, field: str) -> None:
    client = await operator(shared_daemon)
    base = (await client.call("exec.approvals.get", {}))["hash"]
    with pytest.raises(RpcError, match=field):
        await client.call("exec.approvals.set", {"file": file, "baseHash": base})
    await client.close()


async def test_permissions_need_their_scopes(shared_daemon: Daemon) -> None:
    client = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    await client.connect(scopes=["operator.read", "operator.write"])
    for method, params in (
        ("exec.approvals.get", {}),
        ("exec.approvals.set", {"file": {"version": 1}}),
        ("exec.approval.grants.list", {}),
        ("exec.approval.grants.revoke", {"grantId": "x"}),
        ("exec.approval.request", {"command": "x"}),
    ):
        with pytest.raises(RpcError, match="missing scope"):
            await client.call(method, params)
    await client.close()


async def request(client: WireClient, approval_id: str, *argv: str) -> None:
    """A request that waits."""
    params = {"id": approval_id, "commandArgv": list(argv), "agentId": "main", "twoPhase": True}
    await client.call("exec.approval.request", params)


async def test_the_command_line_decides(daemon: Daemon) -> None:
    assert "Nothing waits" in (await ask_async(daemon, "approvals", "list")).out
    assert "Nothing was decided" in (await ask_async(daemon, "approvals", "history")).out
    assert "Nothing is permitted" in (await ask_async(daemon, "approvals", "grants")).out
    client = await operator(daemon)
    for name in ("first-1", "second-2", "third-3"):
        await request(client, name, "echo", name)
    shown = (await ask_async(daemon, "approvals", "list")).out
    assert all(f"echo {name}" in shown for name in ("first-1", "second-2", "third-3"))
    assert "allowed once" in (await ask_async(daemon, "approvals", "allow", "first")).out
    assert "allowed for good" in (await ask_async(daemon, "approvals", "allow", "second-2", "--always")).out
    assert "denied" in (await ask_async(daemon, "approvals", "deny", "third-3")).out
    for name, decision in (("first-1", "allow-once"), ("second-2", "allow-always"), ("third-3", "deny")):
        assert (await client.call("exec.approval.waitDecision", {"id": name}))["decision"] == decision
    history = (await ask_async(daemon, "approvals", "history")).out
    assert all(word in history for word in ("allowed once", "allowed for good", "denied"))
    grants = (await ask_async(daemon, "approvals", "grants", "--json")).json["grants"]
    assert "echo second-2" in (await ask_async(daemon, "approvals", "grants")).out
    assert "revoked" in (await ask_async(daemon, "approvals", "revoke", grants[0]["grantId"])).out
    assert "revoked" in (await ask_async(daemon, "approvals", "grants")).out
    await client.close()


def test_the_command_line_names_what_is_wrong(shared_daemon: Daemon) -> None:
    for arguments, code, words in (
        (("allow", "nope"), 1, "no request nope waits"),
        (("revoke", "nope"), 1, "no grant nope"),
        (("allow", "x", "--days", "3"), 2, "--always"),
        (("history", "--limit", "0"), 2, "--limit"),
    ):
        assert words in one_line_error(ask(shared_daemon, "approvals", *arguments), code)


async def test_of_many_answers_one_counts(shared_daemon: Daemon) -> None:
    client = await operator(shared_daemon)
    await request(client, "race-1", "true")
    answers = [
        client.call("approval.resolve", {"id": "race-1", "kind": "exec", "decision": decision})
        for decision in ("allow-once", "deny", "allow-always", "deny")
    ]
    outcomes = await asyncio.gather(*answers)
    assert sum(outcome["applied"] for outcome in outcomes) == 1
    assert len({outcome["approval"]["decision"] for outcome in outcomes}) == 1
    await client.close()


async def test_a_question_of_an_aborted_run_is_withdrawn(tmp_path: Path) -> None:
    config = '[agents.entries.slow]\nruntime = "command"\nargv = ["sh", "-c", "echo begun; sleep 60"]\n'
    async with Daemon(tmp_path, config=config) as daemon:
        client = await operator(daemon)
        key = "agent:slow:main"
        send = {"sessionKey": key, "message": "go", "idempotencyKey": "k"}
        run_id = (await client.call("chat.send", send))["runId"]
        await client.wait_event("agent", lambda payload: payload["stream"] == "assistant")
        ask_for_run = {"id": "of-run", "command": "true", "runId": run_id, "twoPhase": True}
        await client.call("exec.approval.request", ask_for_run)
        await client.call("chat.abort", {"sessionKey": key, "runId": run_id})
        resolved = await client.wait_event("exec.approval.resolved")
        assert (resolved["payload"]["id"], resolved["payload"]["decision"]) == ("of-run", None)
        view = valid(await client.call("approval.get", {"id": "of-run"}), "ApprovalGetResult")["approval"]
        assert (view["status"], view["reason"]) == ("cancelled", "run-aborted")
        runs = (await client.call("audit.list", {"runId": run_id}))["events"]
        assert [(run["status"], run.get("errorCode")) for run in runs] == [
            ("cancelled", "run_cancelled"),
            ("started", None),
        ]
        await client.close()
