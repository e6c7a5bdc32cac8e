"""An approval holds for one plan: attack case 39 of the security list, one change at a time (S1.M-7)."""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from device_node.commands import CommandTable
from device_node.exec_policy.store import RulesStore, StoredRules
from device_node.providers.process import Program, Start
from device_node.providers.run import RunProvider
from tests.device_node.providers.bench import Bench, approved_call, as_openclaw_carries

BASH = os.path.realpath("/bin/bash")
PYTHON = os.path.realpath(sys.executable)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "node")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a program, a script, and a link to a folder."""
    work = tmp_path / "work"
    (work / "real").mkdir(parents=True)
    (work / "other").mkdir()
    (work / "link").symlink_to("real")
    (work / "job.py").write_text("print('the approved script')")
    shutil.copy2("/usr/bin/echo", work / "tool")
    return work


Carry = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(params=["homarus", "openclaw"])
def carry(request: pytest.FixtureRequest) -> Carry:
    """How a gateway brings the plan back."""
    return as_openclaw_carries if request.param == "openclaw" else dict


async def test_an_approved_plan_runs(bench: Bench, work: Path, carry: Carry) -> None:
    params = {
        "command": ["./tool", "hi"],
        "cwd": str(work),
        "env": {"A": "1"},
        "sessionKey": "s",
        "agentId": "a",
    }
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    call = approved_call(carry(plan), params) | {"sessionKey": "s", "agentId": "a"}
    assert (await bench.ask("system.run", call))["stdout"] == "hi\n"


def _swap_program(work: Path) -> None:
    (work / "tool").unlink()
    shutil.copy2("/usr/bin/printf", work / "tool")


def _rewrite_program(work: Path) -> None:
    shutil.copyfile("/usr/bin/printf", work / "tool")


def _move_link(work: Path) -> None:
    (work / "link").unlink()
    (work / "link").symlink_to("other")


def _replace_folder(work: Path) -> None:
    (work / "real").rename(work / "moved")
    (work / "real").mkdir()


def _folder_becomes_link(work: Path) -> None:
    (work / "real").rmdir()
    (work / "real").symlink_to("other")


@pytest.mark.parametrize(
    ("cwd", "change"),
    [
        (".", _swap_program),
        (".", _rewrite_program),
        ("real", _replace_folder),
        ("real", _folder_becomes_link),
    ],
)
async def test_what_changed_on_disk_needs_another_approval(
    bench: Bench, work: Path, carry: Carry, cwd: str, change: Callable[[Path], None]
) -> None:
    params = {"command": [str(work / "tool"), "hi"], "cwd": str(work / cwd)}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    change(work)
    code, text = await bench.refusal("system.run", approved_call(carry(plan), params))
    assert code == "SYSTEM_RUN_DENIED"
    assert text.startswith("approval does not match")
    assert bench.events[-1][0] == "exec.denied"


async def test_a_link_is_resolved_when_the_plan_is_made(bench: Bench, work: Path) -> None:
    params = {"command": ["pwd"], "cwd": str(work / "link")}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    assert plan["cwd"] == str(work / "real")
    _move_link(work)
    assert (await bench.ask("system.run", approved_call(plan, params)))["stdout"] == f"{work}/real\n"
    call = approved_call(plan, params) | {"cwd": str(work / "link")}
    assert (await bench.refusal("system.run", call))[1].startswith("approval does not match: the folder")


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ["/usr/bin/echo", "bye"]},
        {"command": ["/usr/bin/printf", "hi"]},
        {"command": ["/usr/bin/echo", "hi", "there"]},
        {"cwd": "/"},
        {"env": {"A": "2"}},
        {"env": {"A": "1", "B": "1"}},
        {"env": {}},
        {"agentId": "other"},
        {"sessionKey": "other"},
        {"systemRunPlan": None},
    ],
)
async def test_a_call_that_says_something_else(
    bench: Bench, work: Path, carry: Carry, changes: dict[str, Any]
) -> None:
    params = {"command": ["echo", "hi"], "cwd": str(work), "env": {"A": "1"}}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    code, text = await bench.refusal("system.run", approved_call(carry(plan), params) | changes)
    assert code == "SYSTEM_RUN_DENIED"
    assert text.startswith("approval does not match")


@pytest.mark.parametrize(
    "changes",
    [
        {"argv": ["/usr/bin/echo", "bye"]},
        {"cwd": "/"},
        {"commandText": "/usr/bin/true"},
        {"policySnapshot": None},
        {"envHash": "0" * 64},
        {"folderId": "1:1"},
        {"files": []},
    ],
)
async def test_a_plan_that_was_tampered_with(bench: Bench, work: Path, changes: dict[str, Any]) -> None:
    params = {"command": ["echo", "hi"], "cwd": str(work)}
    plan = (await bench.ask("system.run.prepare", params))["plan"] | changes
    code, text = await bench.refusal("system.run", approved_call(plan, params))
    assert code == "SYSTEM_RUN_DENIED"
    assert text.startswith("approval does not match")


async def test_a_plan_nobody_made_here(bench: Bench, work: Path, tmp_path: Path) -> None:
    params = {"command": ["echo", "hi"], "cwd": str(work), "env": {"A": "1"}}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    restarted = Bench(tmp_path / "node")
    code, _ = await restarted.refusal("system.run", approved_call(as_openclaw_carries(plan), params))
    assert code == "SYSTEM_RUN_DENIED"
    assert (await restarted.ask("system.run", approved_call(plan, params)))["success"]


@pytest.mark.parametrize(
    "command",
    [
        [PYTHON, "job.py"],
        [PYTHON, "-I", "job.py", "argument"],
        ["/bin/sh", "-lc", f"{PYTHON} job.py"],
        ["/bin/sh", "-lc", f"true && {PYTHON} job.py"],
    ],
)
async def test_a_changed_script_needs_another_approval(
    bench: Bench, work: Path, carry: Carry, command: list[str]
) -> None:
    params = {"command": command, "cwd": str(work)}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    assert plan["mutableFileOperand"]["path"] == str(work / "job.py")
    answer = await bench.ask("system.run", approved_call(carry(plan), params))
    assert answer["stdout"] == "the approved script\n"
    (work / "job.py").write_text("print('another script')")
    code, text = await bench.refusal("system.run", approved_call(carry(plan), params))
    assert code == "SYSTEM_RUN_DENIED"
    assert text.startswith("approval does not match")


async def test_rules_made_stricter_meanwhile(bench: Bench) -> None:
    params = {"command": ["true"]}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    await bench.allow(security="deny")
    code, _ = await bench.refusal("system.run", approved_call(plan, params))
    assert code == "SYSTEM_RUN_DENIED"


async def test_a_no_is_a_no(bench: Bench) -> None:
    await bench.allow(security="full")
    code, text = await bench.refusal("system.run", {"command": ["true"], "approvalDecision": "deny"})
    assert (code, text) == ("SYSTEM_RUN_DENIED", "a person said no")


async def test_always_means_this_command_in_this_folder_with_these_files(bench: Bench, work: Path) -> None:
    params = {"command": [PYTHON, "job.py"], "cwd": str(work), "agentId": "coder"}
    prepared = await bench.ask("system.run.prepare", params)
    call = approved_call(prepared["plan"], params) | {"approvalDecision": "allow-always", "agentId": "coder"}
    assert (await bench.ask("system.run", call))["success"]
    listed = (await bench.ask("system.execApprovals.get"))["file"]["agents"]["coder"]["allowlist"]
    rule = {name: listed[0][name] for name in ("pattern", "argPattern")}
    assert prepared["allowAlwaysCoverage"] == {"complete": True, "patterns": [rule]}
    assert {entry["source"] for entry in listed} == {"allow-always"}

    assert (await bench.ask("system.run", params))["success"]
    for other in (
        params | {"command": [PYTHON, "job.py", "more"]},
        params | {"cwd": str(work / "real"), "command": [PYTHON, "../job.py"]},
        params | {"agentId": "other"},
    ):
        assert (await bench.refusal("system.run", other))[0] == "SYSTEM_RUN_DENIED"
    (work / "job.py").write_text("print('another script')")
    assert (await bench.refusal("system.run", params))[0] == "SYSTEM_RUN_DENIED"


async def test_once_leaves_no_rule_behind(bench: Bench) -> None:
    assert (await bench.approved({"command": ["true"]}))["success"]
    assert not (await bench.ask("system.execApprovals.get"))["exists"]
    assert (await bench.refusal("system.run", {"command": ["true"]}))[0] == "SYSTEM_RUN_DENIED"


async def test_the_program_that_was_looked_at_is_the_one_that_runs(bench: Bench, work: Path) -> None:
    """It runs through its open file: `/proc/self/exe` of the program names the inode that was hashed."""
    params = {"command": [str(work / "shell"), "-c", "readlink /proc/$$/exe; echo $0"], "cwd": str(work)}
    (work / "shell").symlink_to("/bin/bash")
    answer = await bench.approved(params)
    assert answer["stdout"].splitlines() == [BASH, str(work / "shell")]


async def test_the_plan_has_the_shape_openclaw_reads(bench: Bench, work: Path) -> None:
    params = {
        "command": ["/bin/sh", "-lc", 'echo "a b"'],
        "rawCommand": 'echo "a b"',
        "cwd": str(work),
        "agentId": "main",
        "sessionKey": "agent:main:main",
    }
    prepared = await bench.ask("system.run.prepare", params)
    plan = prepared["plan"]
    assert plan["argv"] == ["/usr/bin/sh", "-lc", 'echo "a b"']
    assert plan["commandText"] == '/usr/bin/sh -lc "echo \\"a b\\""'
    assert plan["commandPreview"] == 'echo "a b"'
    assert (plan["agentId"], plan["sessionKey"]) == ("main", "agent:main:main")
    assert prepared["execPolicy"] == {"security": "allowlist", "ask": "on-miss"}
    assert plan["policySnapshot"] == {
        "security": "allowlist", "ask": "on-miss", "askFallback": "deny", "autoAllowSkills": False,
        "allowlistRules": [],
    }  # fmt: skip
    assert plan["mutableFileOperand"]["path"] == "/usr/bin/echo"


async def test_a_text_that_says_something_else_is_not_shown(bench: Bench) -> None:
    params = {"command": ["/bin/sh", "-lc", "rm -rf x"], "rawCommand": "echo harmless"}
    assert (await bench.ask("system.run.prepare", params))["plan"]["commandPreview"] is None


class _Intruder(RulesStore):
    """The rules; when they are read, between the look at the program and its run, something happens."""

    def __init__(self, folder: Path, act: Callable[[], object]) -> None:
        super().__init__(folder, lambda: 0)
        self.act: Callable[[], object] = bool
        self._next = act

    def load(self) -> StoredRules:
        self.act()
        return super().load()

    def arm(self) -> None:
        """From now on."""
        self.act = self._next


@pytest.mark.parametrize("change", [_swap_program, _rewrite_program])
async def test_a_program_swapped_between_look_and_run(
    bench: Bench, work: Path, change: Callable[[Path], None]
) -> None:
    """Attack case 39 at its tightest: the approval matches when the files are opened."""
    store = _Intruder(bench.folder, partial(change, work))
    provider = RunProvider(store, {"PATH": "/usr/bin:/bin"}, bench.permissions, bench.hear)
    bench.table = CommandTable()
    bench.table.add(provider)
    params = {"command": [str(work / "tool"), "%s", "swapped"], "cwd": str(work)}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    store.arm()
    code, text = await bench.refusal("system.run", approved_call(plan, params))
    assert code == "SYSTEM_RUN_DENIED"
    assert text.startswith("approval does not match")
    assert not bench.output


async def test_a_script_rewritten_while_it_starts(
    bench: Bench, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can keep an interpreter from reading what is there by then; but it is ended at once."""
    start = Program.start

    async def slow_start(what: Start) -> Program:
        (work / "job.py").write_text("import time; time.sleep(300)")
        return await start(what)

    params = {"command": [PYTHON, "job.py"], "cwd": str(work)}
    plan = (await bench.ask("system.run.prepare", params))["plan"]
    monkeypatch.setattr(Program, "start", slow_start)
    code, text = await bench.refusal("system.run", approved_call(plan, params))
    assert code == "SYSTEM_RUN_DENIED"
    assert text.startswith("approval does not match")


async def test_a_folder_swapped_between_look_and_run(bench: Bench, work: Path) -> None:
    await bench.allow(security="full")
    store = _Intruder(bench.folder, partial(_replace_folder, work))
    provider = RunProvider(store, {"PATH": "/usr/bin:/bin"}, bench.permissions, bench.hear)
    bench.table = CommandTable()
    bench.table.add(provider)
    store.arm()
    answer = await bench.ask("system.run", {"command": ["pwd", "-P"], "cwd": str(work / "real")})
    assert answer["stdout"] == f"{work / 'moved'}\n"
