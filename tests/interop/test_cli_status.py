"""`openclaw gateway …`, `health`, `status`, `system`, `logs`: what the CLI shows of a running gateway.

Issue "Done when" 2; rows DC-1, S1.B-4.
"""

import json
import re

import pytest

from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_call_prints_what_the_gateway_answered(cli: OpenClawCli, recorder: Recorder) -> None:
    health = (await cli.ok("gateway", "call", "health", "--json")).json()
    assert health["ok"] is True
    assert health["defaultAgentId"] == "main"
    assert [agent["agentId"] for agent in health["agents"]] == ["main"]

    status = (await cli.ok("gateway", "call", "status", "--json")).json()
    assert status["heartbeat"]["defaultAgentId"] == "main"
    assert status["sessions"]["count"] >= 0

    presence = (await cli.ok("gateway", "call", "system-presence", "--json")).json()
    assert [entry["mode"] for entry in presence if entry.get("reason") == "self"] == ["gateway"]
    assert recorder.methods() == ["health", "status", "system-presence"]


async def test_unknown_method_is_refused_as_openclaw_refuses_it(cli: OpenClawCli) -> None:
    run = await cli.run("gateway", "call", "no.such.method", "--json")
    assert run.code == 1
    error = run.json()["error"]
    assert (error["code"], error["message"]) == ("INVALID_REQUEST", "unknown method: no.such.method")


async def test_gateway_health_and_probe(cli: OpenClawCli) -> None:
    assert re.search(r"^OK \(\d+ms\)$", (await cli.ok("gateway", "health")).stdout, re.MULTILINE)
    assert (await cli.ok("gateway", "health", "--json")).json()["ok"] is True

    probe = (await cli.ok("gateway", "probe", "--json")).json()
    assert probe["ok"] is True
    target = probe["targets"][0]
    assert target["connect"]["ok"] is True
    assert target["auth"]["role"] == "operator"
    assert target["server"]["connId"]
    # A probe carries the shared secret but no device, so it is granted nothing beyond `health`.
    assert target["connect"]["error"] == "missing scope: operator.read"
    assert "Reachable: yes" in (await cli.ok("gateway", "probe")).stdout


async def test_gateway_status_says_the_probe_is_ok(cli: OpenClawCli) -> None:
    shown = (await cli.ok("gateway", "status")).stdout
    assert "Connectivity probe: ok" in shown
    assert f"Listening: 127.0.0.1:{cli.port}" in shown


async def test_gateway_stability_lists_events(cli: OpenClawCli) -> None:
    shown = (await cli.ok("gateway", "stability")).stdout
    assert re.search(r"^Events: \d+/\d+", shown, re.MULTILINE)
    snapshot = (await cli.ok("gateway", "stability", "--json")).json()
    assert snapshot["count"] == sum(snapshot["summary"]["byType"].values())
    assert snapshot["capacity"] >= snapshot["count"]


async def test_gateway_usage_cost(cli: OpenClawCli) -> None:
    shown = (await cli.ok("gateway", "usage-cost")).stdout
    assert "Usage cost (30 days)" in shown
    assert re.search(r"^Total: \$\d+\.\d+ · \S+ tokens$", shown, re.MULTILINE)


async def test_health_names_agent_and_sessions(cli: OpenClawCli, recorder: Recorder) -> None:
    mark = recorder.mark()
    shown = (await cli.ok("health")).stdout
    assert "Agents: main (default)" in shown
    assert "Session store (main):" in shown
    assert recorder.methods(mark) == ["health", "health"]


async def test_status_calls_the_gateway_reachable(cli: OpenClawCli) -> None:
    shown = (await cli.ok("status")).stdout
    assert "OpenClaw status" in shown
    assert re.search(rf"ws://127\.0\.0\.1:{cli.port} \(local loopback\) · reachable \d", shown)


async def test_status_all_and_deep(cli: OpenClawCli, recorder: Recorder) -> None:
    mark = recorder.mark()
    shown = (await cli.ok("status", "--all")).stdout
    assert re.search(r"reachable \d", shown)
    assert re.search(r"Agents +│ 1 total", shown)
    assert {"channels.status", "diagnostics.stability"} <= set(recorder.methods(mark))

    mark = recorder.mark()
    deep = (await cli.ok("status", "--deep")).stdout
    assert re.search(r"reachable \d", deep)
    assert "last-heartbeat" in recorder.methods(mark)


async def test_system_presence_event_and_heartbeat(cli: OpenClawCli, recorder: Recorder) -> None:
    presence = (await cli.ok("system", "presence")).json()
    assert any(entry.get("reason") == "self" for entry in presence)

    mark = recorder.mark()
    event = ("--text", "hello from the command line", "--mode", "next-heartbeat")
    assert (await cli.ok("system", "event", *event)).stdout.strip() == "ok"
    assert recorder.methods(mark) == ["wake"]

    last = json.loads((await cli.ok("system", "heartbeat", "last")).stdout)
    assert last is None or isinstance(last["ts"], int)


async def test_logs_are_tailed(cli: OpenClawCli) -> None:
    lines = (await cli.ok("logs", "--limit", "20", "--json")).stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert entries[0]["type"] == "meta"
    logged = [entry for entry in entries if entry["type"] == "log"]
    assert logged
    assert all(entry["level"] and entry["message"] for entry in logged), logged
    assert "Log file:" in (await cli.ok("logs", "--limit", "5")).stdout


async def test_channels_approvals_secrets_users(cli: OpenClawCli, recorder: Recorder) -> None:
    assert "Gateway reachable." in (await cli.ok("channels", "status")).stdout

    mark = recorder.mark()
    assert "No pending approvals." in (await cli.ok("approvals", "pending")).stdout
    asked = ["exec.approval.list", "openclaw.approval.list", "plugin.approval.list"]
    assert sorted(recorder.methods(mark)) == asked

    assert "Secrets reloaded" in (await cli.ok("secrets", "reload")).stdout
    profiles = (await cli.ok("users", "list", "--json")).json()["profiles"]
    assert all(profile["id"] for profile in profiles)
