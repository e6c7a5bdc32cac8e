"""Programs as agents: real processes, streamed, capped, gone when they should be (rows S0.1-13, S0.1-15)."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.agents.command.runtime import CommandRuntime
from gateway.agents.model import (
    AgentFailed,
    Finished,
    ModelSelected,
    NoSteering,
    Steering,
    TextDelta,
    TurnEvent,
)
from gateway.agents.settings import AgentEntry, AgentsSettings
from gateway.kernel.secret import Secret
from gateway.kernel.supervisor import Supervisor
from tests.support.turns import profile_of, text_of, turn_of

ECHO = "import sys; print('heard:', sys.stdin.read())"

FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
"""A program that starts another one; both ignore the polite signal."""


@pytest.fixture
async def tasks() -> AsyncIterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    await supervisor.close(2.0)


class Runner:
    """A command agent and its settings."""

    def __init__(self, tasks: Supervisor, workspace: Path) -> None:
        self.tasks = tasks
        self.workspace = workspace
        self.settings = AgentsSettings()

    def stream(
        self, *argv: str, message: str = "hello", steering: Steering | None = None
    ) -> AsyncIterator[TurnEvent]:
        profile = profile_of(
            runtime="command", model=f"command/{Path(argv[0]).name}", argv=argv, workspace=self.workspace
        )
        runtime = CommandRuntime(profile, lambda: self.settings, self.tasks)
        return runtime.run(turn_of(message), steering or NoSteering())

    async def run(self, *argv: str, **options: Any) -> list[TurnEvent]:
        return [event async for event in self.stream(*argv, **options)]

    async def python(self, code: str, *argv: str, **options: Any) -> list[TurnEvent]:
        return await self.run(sys.executable, "-c", code, *argv, **options)

    def limit(self, **changes: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)


@pytest.fixture
def runner(tasks: Supervisor, tmp_path: Path) -> Runner:
    return Runner(tasks, tmp_path / "workspace")


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def gone(*pids: int) -> bool:
    """Whether all processes end soon."""
    deadline = time.monotonic() + 2.0
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.01)
    return not any(alive(pid) for pid in pids)


async def test_the_message_goes_to_stdin_and_stdout_is_the_answer(runner: Runner) -> None:
    events = await runner.python(ECHO, message="how are you; rm -rf $HOME `id`\nline two ü")
    assert events[0] == ModelSelected("command", Path(sys.executable).name)
    assert text_of(events) == "heard: how are you; rm -rf $HOME `id`\nline two ü\n"
    assert events[-1] == Finished("stop")


async def test_a_placeholder_makes_it_an_argument_and_no_shell_reads_it(runner: Runner) -> None:
    events = await runner.python(
        "import sys; print(sys.argv[1:])", "--prompt={message}", "{message}", message="$(id); 'x' \"y\""
    )
    assert text_of(events) == "['--prompt=$(id); \\'x\\' \"y\"', '$(id); \\'x\\' \"y\"']\n"


async def test_output_streams_while_the_program_runs(runner: Runner) -> None:
    code = "import time\nfor n in range(3): print(n, flush=True); time.sleep(0.15)"
    stream = runner.stream(sys.executable, "-c", code)
    times = [time.monotonic() async for event in stream if isinstance(event, TextDelta)]
    assert len(times) >= 2  # a busy machine may read two lines at once
    assert times[-1] - times[0] > 0.2


async def test_letters_cut_by_a_read_are_put_together(runner: Runner) -> None:
    code = (
        "import sys, time\nfor b in '\u20acü\U0001f99e'.encode(): sys.stdout.buffer.write(bytes([b])); "
        "sys.stdout.flush(); time.sleep(0.01)"
    )
    assert text_of(await runner.python(code)) == "\u20acü\U0001f99e"


async def test_our_secrets_are_not_in_its_environment(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    monkeypatch.setenv("HOMARUS_TOKEN", "tok-ours")
    runner.settings = AgentsSettings(
        entries={"main": AgentEntry(argv=("x",), env={"GIVEN": Secret("for you")})}
    )
    code = "import os; print({k: v for k, v in os.environ.items() if not k.startswith('LC_')})"
    said = text_of(await runner.python(code))
    assert "ours" not in said
    assert "'GIVEN': 'for you'" in said
    assert "'HOMARUS_SESSION_KEY': 'agent:main:main'" in said
    assert "'PATH'" in said


async def test_it_works_in_the_agents_folder(runner: Runner) -> None:
    assert text_of(await runner.python("import os; print(os.getcwd())")).strip() == str(runner.workspace)
    assert runner.workspace.stat().st_mode & 0o777 == 0o700


async def test_an_abort_ends_the_whole_family_within_a_second(runner: Runner) -> None:
    pids: list[int] = []

    async def listen() -> None:
        async for event in runner.stream(sys.executable, "-c", FAMILY):
            if isinstance(event, TextDelta):
                pids.extend(int(word) for word in event.text.split())

    turn = asyncio.ensure_future(listen())
    while len(pids) < 2:  # noqa: ASYNC110 - filled by the stream
        await asyncio.sleep(0.01)
    assert all(alive(pid) for pid in pids)
    assert os.getpgid(pids[0]) == os.getpgid(pids[1]) == pids[0]
    started_s = time.monotonic()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert time.monotonic() - started_s < 2.0  # 0.4 s of grace, and a busy machine
    assert await gone(*pids)


async def test_running_out_of_time_ends_the_family_too(runner: Runner) -> None:
    runner.limit(command_timeout_s=0.4)
    pids: list[int] = []

    async def listen() -> None:
        async for event in runner.stream(sys.executable, "-c", FAMILY):
            if isinstance(event, TextDelta):
                pids.extend(int(word) for word in event.text.split())

    with pytest.raises(AgentFailed, match=r"did not finish within 0.4 s") as failed:
        await listen()
    assert failed.value.reason == "timeout"
    assert await gone(*pids)


async def test_what_it_leaves_behind_does_not_outlive_the_answer(runner: Runner) -> None:
    code = (
        "import subprocess as s, sys\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "print(s.Popen(sleep, stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
    )
    assert await gone(int(text_of(await runner.python(code))))


async def test_a_flood_of_output_is_stopped(runner: Runner) -> None:
    """Bad input: 50 MB of output; memory stays bounded, the outcome is its own."""
    runner.limit(command_max_bytes=100_000)
    got = 0

    async def listen() -> None:
        nonlocal got
        async for event in runner.stream(sys.executable, "-c", "print('x' * 50_000_000)"):
            got += len(event.text) if isinstance(event, TextDelta) else 0

    with pytest.raises(AgentFailed, match="wrote more than 100000 bytes") as failed:
        await listen()
    assert failed.value.reason == "format"
    assert got <= 100_000


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import sys; sys.stderr.write('first\\nno licence\\n'); sys.exit(3)",
            "ended with code 3: no licence",
        ),
        ("import os; os.kill(os.getpid(), 11)", "was ended by signal 11"),
        ("import sys; sys.stderr.write('\\x1b[31m' + 'x' * 100000); sys.exit(1)", "ended with code 1: "),
    ],
)
async def test_each_way_to_fail_is_told_apart(runner: Runner, code: str, said: str) -> None:
    with pytest.raises(AgentFailed) as failed:
        await runner.python(code)
    assert said in failed.value.message
    assert "\x1b" not in failed.value.message
    assert len(failed.value.message) < 600


async def test_a_missing_program_is_named(runner: Runner) -> None:
    with pytest.raises(
        AgentFailed, match="The program no-such-agent of agent main cannot be started"
    ) as failed:
        await runner.run("no-such-agent")
    assert failed.value.reason == "unavailable"


async def test_a_program_that_does_not_read_is_no_error(runner: Runner) -> None:
    assert text_of(await runner.python("print('done')", message="x" * 1_000_000)) == "done\n"


@pytest.mark.parametrize("message", ["a\x00b", "x" * 200_000])
async def test_what_cannot_be_an_argument_is_refused(runner: Runner, message: str) -> None:
    with pytest.raises(AgentFailed, match="cannot take this message as an argument"):
        await runner.run("true", "{message}", message=message)


async def test_messages_that_arrive_meanwhile_get_a_run_each(runner: Runner) -> None:
    class Later:
        def __init__(self) -> None:
            self.waiting = [("two", "three"), ()]

        async def next_messages(self) -> tuple[str, ...]:
            return self.waiting.pop(0)

    events = await runner.python(
        "import sys; print(sys.stdin.read(), end='')", message="one", steering=Later()
    )
    assert text_of(events) == "one\n\ntwo\n\nthree"
