"""The node's own rules as a file: safe at first, guarded by a hash, exact about what is wrong (S1.M-7)."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from device_node.commands import CommandFailed
from tests.device_node.providers.bench import Bench

FILE = "exec-approvals.json"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "node")


async def test_without_a_file_the_safe_rules_hold(bench: Bench) -> None:
    present = await bench.ask("system.execApprovals.get")
    assert present["exists"] is False
    assert present["file"] == {
        "version": 1,
        "defaults": {
            "security": "allowlist",
            "ask": "on-miss",
            "askFallback": "deny",
            "autoAllowSkills": False,
        },
        "agents": {},
    }
    assert not (bench.folder / FILE).exists()


async def test_rules_are_stored_for_their_owner_only(bench: Bench) -> None:
    document = {
        "version": 1,
        "socket": {"path": "/x"},
        "defaults": {"security": "deny"},
        "agents": {"main": {"allowlist": [{"pattern": "/usr/bin/uname"}]}},
    }
    stored = await bench.ask("system.execApprovals.set", {"file": document})
    assert stored["exists"] is True
    entry = stored["file"]["agents"]["main"]["allowlist"][0]
    assert entry["pattern"] == "/usr/bin/uname"
    assert entry["id"]
    assert stored == await bench.ask("system.execApprovals.get")
    path = bench.folder / FILE
    assert stored["path"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text()) == stored["file"]


async def test_only_who_saw_the_present_rules_may_replace_them(bench: Bench) -> None:
    first = await bench.ask("system.execApprovals.set", {"file": {"version": 1}})
    second = await bench.ask(
        "system.execApprovals.set",
        {"file": {"version": 1, "defaults": {"security": "deny"}}, "baseHash": first["hash"]},
    )
    assert second["hash"] != first["hash"]
    for base_hash in (first["hash"], None, "nonsense"):
        params: dict[str, Any] = {"file": {"version": 1, "defaults": {"security": "full"}}}
        code, text = await bench.refusal("system.execApprovals.set", params | {"baseHash": base_hash})
        assert code == "INVALID_REQUEST"
        assert text.startswith("baseHash")
    assert await bench.ask("system.execApprovals.get") == second


async def test_a_hash_of_rules_that_do_not_exist_yet_is_checked_as_well(bench: Bench) -> None:
    present = await bench.ask("system.execApprovals.get")
    code, _ = await bench.refusal("system.execApprovals.set", {"file": {"version": 1}, "baseHash": "other"})
    assert code == "INVALID_REQUEST"
    await bench.ask("system.execApprovals.set", {"file": {"version": 1}, "baseHash": present["hash"]})


MALFORMED: list[tuple[Any, str]] = [
    (7, "file"),
    ({}, "file"),
    ({"version": 2}, "file.version"),
    ({"version": 1, "defaults": {"ask": "sometimes"}}, "file.defaults.ask"),
    ({"version": 1, "agents": {"": {}}}, "file.agents"),
    ({"version": 1, "agents": {"a": {"security": 1}}}, "file.agents[...].security"),
    ({"version": 1, "agents": {"a": {"allowlist": [{}]}}}, "file.agents[...].allowlist[0]"),
    ({"version": 1, "agents": {"a": {"allowlist": [{"pattern": ""}]}}}, "allowlist[0].pattern"),
    (
        {"version": 1, "agents": {"a": {"allowlist": [{"pattern": "x", "argPattern": "("}]}}},
        "argPattern",
    ),
    ({"version": 1, "agents": {"a": {"allowlist": [{"pattern": "x"}] * 1001}}}, "allowlist"),
]


@pytest.mark.parametrize(("document", "field"), MALFORMED)
async def test_malformed_rules_are_refused_with_the_field(bench: Bench, document: object, field: str) -> None:
    code, text = await bench.refusal("system.execApprovals.set", {"file": document})
    assert code == "INVALID_REQUEST"
    assert field in text
    assert not (bench.folder / FILE).exists()


async def test_rules_that_were_damaged_can_be_seen_to_be_so(bench: Bench) -> None:
    await bench.ask("system.execApprovals.set", {"file": {"version": 1}})
    (bench.folder / FILE).write_bytes(b"{" * 100)
    code, text = await bench.refusal("system.execApprovals.get")
    assert code == "UNAVAILABLE"
    assert FILE in text


async def test_a_hash_of_another_program_s_making_allows_nothing(bench: Bench) -> None:
    await bench.allow(allowlist=[{"pattern": "/usr/bin/true", "argPattern": "sha256:argv:00"}])
    with pytest.raises(CommandFailed):
        await bench.ask("system.run", {"command": ["true"]})


async def test_a_mark_allows_nothing(bench: Bench) -> None:
    await bench.allow(allowlist=[{"pattern": "=node-command:0123456789abcdef", "source": "allow-always"}])
    plan = (await bench.ask("system.run.prepare", {"command": ["true"]}))["plan"]
    assert plan["policySnapshot"]["allowlistRules"] == []
    assert (await bench.refusal("system.run", {"command": ["true"]}))[0] == "SYSTEM_RUN_DENIED"
