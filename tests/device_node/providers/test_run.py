"""`system.run` by the node's own rules: who may run what, and what comes back (S1.M-7, S3.I-1)."""

import asyncio
import os
import select
import signal
import sys
from pathlib import Path

import pytest

from tests.device_node.providers.bench import Bench

PYTHON = sys.executable
LS = "/usr/bin/ls"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "node")


def _alive(pid: int) -> bool:
    """Whether a process still runs; a zombie waiting for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _gone(pid: int) -> None:
    """Wait for the end of a process that is no child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], 20)
        assert ended
    finally:
        os.close(handle)


def _open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def test_a_fresh_node_runs_nothing_without_a_yes(bench: Bench) -> None:
    code, text = await bench.refusal(
        "system.run", {"command": ["echo", "hi"], "runId": "r1", "sessionKey": "s"}
    )
    assert code == "SYSTEM_RUN_DENIED"
    assert "not on the allow-list" in text
    assert bench.events == [
        (
            "exec.denied",
            {
                "sessionKey": "s",
                "runId": "r1",
                "host": "node",
                "command": "echo hi",
                "suppressNotifyOnExit": False,
                "reason": "approval-required",
            },
        )
    ]


async def test_what_is_on_the_list_runs_and_the_gateway_hears_of_it(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(allowlist=[{"pattern": "/usr/bin/uname"}])
    answer = await bench.ask(
        "system.run", {"command": ["uname", "-s"], "cwd": str(tmp_path), "runId": "r1", "sessionKey": "s"}
    )
    assert answer == {"exitCode": 0, "timedOut": False, "success": True, "stdout": "Linux\n", "stderr": ""}
    assert [name for name, _ in bench.events] == ["exec.started", "exec.finished"]
    finished = bench.events[-1][1]
    assert finished["runId"] == "r1"
    assert finished["sessionKey"] == "s"
    assert (finished["exitCode"], finished["success"], finished["output"]) == (0, True, "Linux")
    assert bench.output == ["Linux\n"]
    rules = (await bench.ask("system.execApprovals.get"))["file"]["agents"]["*"]["allowlist"]
    assert rules[0]["lastUsedAt"] == bench.clock.now_ms()
    assert rules[0]["lastResolvedPath"] == "/usr/bin/uname"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"security": "deny"}, "security=deny"),
        ({"security": "full", "ask": "always"}, "approval-required"),
        ({"ask": "off"}, "allowlist-miss"),
        ({"allowlist": [{"pattern": "/usr/bin/unam"}]}, "approval-required"),
        ({"allowlist": [{"pattern": "/usr/bin/uname", "argPattern": "^-s$"}]}, "approval-required"),
        ({"allowlist": [{"pattern": "/*/uname"}]}, "approval-required"),
    ],
)
async def test_rules_that_refuse(bench: Bench, rules: dict[str, object], reason: str) -> None:
    await bench.allow(**rules)
    code, _ = await bench.refusal("system.run", {"command": ["uname", "-a"]})
    assert code == "SYSTEM_RUN_DENIED"
    assert bench.events[-1][1]["reason"] == reason


@pytest.mark.parametrize(
    "rules",
    [
        {"security": "full", "ask": "off"},
        {"security": "full"},
        {"allowlist": [{"pattern": "uname"}]},
        {"allowlist": [{"pattern": "/usr/*/uname"}]},
        {"allowlist": [{"pattern": "/**/uname"}]},
        {"allowlist": [{"pattern": "/bin/uname"}]},
        {"allowlist": [{"pattern": "/bin/un?me", "argPattern": "^-[a-z]$"}]},
    ],
)
async def test_rules_that_allow(bench: Bench, rules: dict[str, object]) -> None:
    await bench.allow(**rules)
    assert (await bench.ask("system.run", {"command": ["uname", "-a"]}))["success"]


async def test_an_agents_own_section_comes_first(bench: Bench) -> None:
    document = {
        "version": 1,
        "defaults": {"security": "full"},
        "agents": {"*": {"security": "allowlist"}, "guest": {"security": "deny"}},
    }
    await bench.ask("system.execApprovals.set", {"file": document})
    await bench.refusal("system.run", {"command": ["true"], "agentId": "guest"})
    assert bench.events[-1][1]["reason"] == "security=deny"
    await bench.refusal("system.run", {"command": ["true"], "agentId": "main"})
    assert bench.events[-1][1]["reason"] == "approval-required"


async def test_a_bare_name_is_not_matched_by_a_program_elsewhere(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(allowlist=[{"pattern": "uname"}])
    fake = tmp_path / "uname"
    fake.write_text("#!/bin/sh\necho fake\n")
    fake.chmod(0o755)
    code, _ = await bench.refusal("system.run", {"command": ["./uname"], "cwd": str(tmp_path)})
    assert code == "SYSTEM_RUN_DENIED"


async def test_a_link_does_not_carry_an_allowed_path_elsewhere(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(allowlist=[{"pattern": f"{tmp_path}/allowed/**"}])
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "tool").symlink_to("/usr/bin/uname")
    code, _ = await bench.refusal("system.run", {"command": [f"{tmp_path}/allowed/tool"]})
    assert code == "SYSTEM_RUN_DENIED"


async def test_a_person_who_never_answered(bench: Bench) -> None:
    for fallback, runs in (("deny", False), ("allowlist", False), ("full", True)):
        await bench.allow(security="full", ask="on-miss", askFallback=fallback)
        plan = (await bench.ask("system.run.prepare", {"command": ["true"]}))["plan"]
        call = {
            "command": plan["argv"],
            "cwd": plan["cwd"],
            "systemRunPlan": plan,
            "approvalSource": "ask-fallback",
        }
        if runs:
            assert (await bench.ask("system.run", call))["success"]
        else:
            assert (await bench.refusal("system.run", call))[0] == "SYSTEM_RUN_DENIED"


async def test_no_machine_says_yes_for_a_person(bench: Bench) -> None:
    plan = (await bench.ask("system.run.prepare", {"command": ["true"]}))["plan"]
    call = {"command": plan["argv"], "systemRunPlan": plan, "approvalSource": "auto-review"}
    code, text = await bench.refusal("system.run", call)
    assert code == "SYSTEM_RUN_DENIED"
    assert "person" in text


async def test_the_owner_can_take_it_all_back(bench: Bench) -> None:
    await bench.allow(security="full")
    bench.permissions["system_run"] = False
    code, _ = await bench.refusal("system.run", {"command": ["true"]})
    assert code == "SYSTEM_RUN_DENIED"
    code, _ = await bench.refusal("system.run.prepare", {"command": ["true"]})
    assert code == "SYSTEM_RUN_DENIED"


async def test_broken_rules_stop_everything_and_say_where(bench: Bench) -> None:
    path = bench.folder / "exec-approvals.json"
    path.parent.mkdir(mode=0o700)
    path.write_text('{"version": 1, "defaults": {"security": "everything"}}')
    path.chmod(0o600)
    code, text = await bench.refusal("system.run", {"command": ["true"]})
    assert code == "SYSTEM_RUN_DENIED"
    assert "defaults.security" in text
    assert any("defaults.security" in found.detail for found in Bench(bench.folder).providers.findings)


async def test_rules_others_can_write_count_for_nothing(bench: Bench) -> None:
    await bench.allow(security="full")
    (bench.folder / "exec-approvals.json").chmod(0o666)
    code, text = await bench.refusal("system.run", {"command": ["true"]})
    assert code == "SYSTEM_RUN_DENIED"
    assert "chmod 600" in text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"command": []}, "command"),
        ({"command": [""]}, "command[0]"),
        ({"command": ["no-such-program-anywhere"]}, "command[0]"),
        ({"command": ["/etc/passwd"]}, "command[0]"),
        ({"command": ["/no/such/program"]}, "command[0]"),
        ({"command": ["echo", "a\0b"]}, "command[1]"),
        ({"command": ["echo"], "cwd": "relative"}, "cwd"),
        ({"command": ["echo"], "cwd": "/no/such/folder"}, "cwd"),
        ({"command": ["echo"], "cwd": "/etc/passwd"}, "cwd"),
        ({"command": ["echo"], "env": {"LD_PRELOAD": "/tmp/x.so"}}, "env.LD_PRELOAD"),
        ({"command": ["echo"], "env": {"PATH": "/tmp"}}, "env.PATH"),
        ({"command": ["echo"], "env": {"https_proxy": "http://x"}}, "env.https_proxy"),
        ({"command": ["echo"], "env": {"BASH_FUNC_x%%": "() { :; }"}}, "env"),
        ({"command": ["echo"], "env": {"A=B": "c"}}, "env"),
        ({"command": ["echo"], "env": {"A": "b\0"}}, "env.A"),
        ({"command": ["echo", "x" * 200_000]}, "command"),
    ],
)
async def test_bad_input_is_refused_with_its_field(
    bench: Bench, params: dict[str, object], field: str
) -> None:
    await bench.allow(security="full")
    for command in ("system.run", "system.run.prepare"):
        code, text = await bench.refusal(command, params)
        assert code == "INVALID_REQUEST"
        assert field in text


async def test_a_file_nothing_can_run_is_refused_when_it_is_started(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(security="full")
    odd = tmp_path / "odd"
    odd.write_bytes(b"\x7fELF nonsense")
    odd.chmod(0o755)
    code, text = await bench.refusal("system.run", {"command": [str(odd)]})
    assert code == "INVALID_REQUEST"
    assert "cannot be started" in text


async def test_the_environment_is_bare_and_adds_what_the_caller_gives(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    await bench.allow(security="full")
    answer = await bench.ask("system.run", {"command": ["env"], "env": {"GREETING": "hello"}})
    variables = dict(line.split("=", 1) for line in answer["stdout"].splitlines())
    assert variables["GREETING"] == "hello"
    assert "SECRET_TOKEN" not in variables
    assert variables["PATH"] == os.environ["PATH"]


async def test_output_beyond_the_cap_keeps_both_ends(bench: Bench) -> None:
    await bench.allow(security="full")
    script = "import sys\nfor stream in (sys.stdout, sys.stderr):\n  stream.write('é' * 300_000 + 'the end')"
    answer = await bench.ask("system.run", {"command": [PYTHON, "-c", script]})
    for text in (answer["stdout"], answer["stderr"]):
        assert len(text.encode()) <= 200_000
        assert text.startswith("éé")
        assert text.endswith("éthe end")
        assert "\N{REPLACEMENT CHARACTER}" not in text
        left_out = int(text.partition("... (")[2].partition(" bytes left out)")[0])
        shown = len(text.encode()) - len(f"\n... ({left_out} bytes left out) ...\n")
        # A character cut in two at either side is left out, too.
        assert 600_007 - left_out - shown in {0, 1, 2}
    assert 200_000 <= sum(len(piece.encode()) for piece in bench.output) <= 420_000


async def test_a_program_that_takes_too_long_ends_with_all_it_started(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(security="full")
    script = f"trap '' TERM; echo working; sleep 300 & echo $! > {tmp_path}/pid; wait; sleep 300"
    answer = await bench.ask("system.run", {"command": ["/bin/sh", "-c", script], "timeoutMs": 400})
    assert (answer.get("exitCode"), answer["timedOut"], answer["success"]) == (None, True, False)
    assert answer["stdout"] == "working\n"
    await _gone(int((tmp_path / "pid").read_text()))
    assert bench.events[-1][1]["timedOut"] is True


async def test_the_answer_comes_before_the_caller_gives_up(bench: Bench) -> None:
    await bench.allow(security="full")
    answer = await asyncio.wait_for(
        bench.ask("system.run", {"command": ["sleep", "300"]}, timeout_ms=800), 20
    )
    assert answer["timedOut"] is True


async def test_what_is_left_running_ends_with_the_answer(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(security="full")
    answer = await bench.ask(
        "system.run", {"command": ["/bin/sh", "-c", f"sleep 300 & echo $! > {tmp_path}/pid; echo done"]}
    )
    assert answer["stdout"] == "done\n"
    await _gone(int((tmp_path / "pid").read_text()))


async def test_a_service_with_a_session_of_its_own_stays(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(security="full")
    await bench.ask("system.run", {"command": ["true"]})
    before = _open_files()
    script = (
        f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 300' & while [ ! -s {tmp_path}/pid ]; do :; done"
    )
    answer = await asyncio.wait_for(bench.ask("system.run", {"command": ["/bin/sh", "-c", script]}), 20)
    assert answer["success"]
    assert _open_files() == before
    pid = int((tmp_path / "pid").read_text())
    assert _alive(pid)
    os.kill(pid, signal.SIGKILL)


async def test_cancelling_kills_it(bench: Bench, tmp_path: Path) -> None:
    await bench.allow(security="full")
    script = "echo $$; trap '' TERM; while :; do sleep 300; done"
    asking = asyncio.create_task(bench.ask("system.run", {"command": ["/bin/sh", "-c", script]}))
    await bench.spoke.wait()
    pid = int(bench.output[0])
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not _alive(pid)


async def test_a_signal_is_told(bench: Bench) -> None:
    await bench.allow(security="full")
    answer = await bench.ask("system.run", {"command": ["/bin/sh", "-c", "kill -SEGV $$"]})
    assert answer.get("exitCode") is None
    assert not answer["success"]
    assert answer["error"] == f"it was ended by signal {int(signal.SIGSEGV)}"


async def test_nothing_stays_open(bench: Bench) -> None:
    await bench.allow(allowlist=[{"pattern": "true"}])
    await bench.ask("system.run", {"command": ["true"]})
    before = _open_files()
    for _ in range(5):
        await bench.ask("system.run", {"command": ["true"]})
        await bench.refusal("system.run", {"command": ["uname"]})
        await bench.refusal("system.run", {"command": ["true"], "cwd": "/nowhere"})
    assert _open_files() == before


async def test_which_finds_programs_on_the_path_only(bench: Bench, tmp_path: Path) -> None:
    answer = await bench.ask(
        "system.which", {"bins": ["ls", "no-such-program", "../ls", "/usr/bin/ls", "a\0b"]}
    )
    assert answer == {"bins": {"ls": LS}}
