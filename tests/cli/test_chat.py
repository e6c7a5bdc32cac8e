"""`homarus chat` with the agent that is there from the start, in a pipe and in a real terminal."""

import asyncio
import signal
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.cli.command import ask, ask_async, one_line_error
from tests.support.daemon import HOMARUS, Daemon
from tests.support.model_server import API_KEY, MODEL_ID, ModelServer, Script
from tests.support.terminal import CONTROL_C, ENTER, Terminal
from tests.support.wire import WireClient

CONTROL_D = "\x04"


def test_one_question(shared_daemon: Daemon) -> None:
    result = ask(shared_daemon, "chat", "help")
    assert result.code == 0, result.err
    assert result.out.strip()
    assert result.out.endswith("\n")
    assert not result.err


def test_as_json(shared_daemon: Daemon) -> None:
    result = ask(shared_daemon, "chat", "--json", "help").json
    assert (result["how"], result["sessionKey"]) == ("final", "agent:main:main")
    assert result["text"]


def test_a_question_from_a_pipe(shared_daemon: Daemon) -> None:
    assert ask(shared_daemon, "chat", stdin="help\n").out == ask(shared_daemon, "chat", "-", stdin="help").out
    one_line_error(ask(shared_daemon, "chat", stdin=" \n"), 2)


def test_a_session_of_its_own(shared_daemon: Daemon) -> None:
    assert ask(shared_daemon, "chat", "--session", "agent:main:trip", "hello").code == 0
    assert "agent:main:trip" in ask(shared_daemon, "sessions", "list").out
    shown = ask(shared_daemon, "sessions", "show", "agent:main:trip").out
    assert "hello" in shown


def test_an_unknown_agent_is_an_error(shared_daemon: Daemon) -> None:
    assert "nobody" in one_line_error(ask(shared_daemon, "chat", "--agent", "nobody", "hi"), 1)


@pytest.fixture
async def terminal_env(shared_daemon: Daemon) -> dict[str, str]:
    """What a terminal needs to find the gateway; colours off."""
    return {**shared_daemon.env, "NO_COLOR": "1"}


async def test_a_conversation(shared_daemon: Daemon, terminal_env: dict[str, str], tmp_path: Path) -> None:
    """Row S4.1-3: a prompt, an answer as it comes, Ctrl-D."""
    async with Terminal([str(HOMARUS), "chat"], terminal_env, tmp_path) as terminal:
        await terminal.shows("Ctrl-D leaves")
        await terminal.type("remember that the spare key is under the blue pot", ENTER)
        await terminal.until(lambda screen: screen.rstrip().endswith("\n>"), "a second prompt")
        await terminal.type("what do I have about the key", ENTER)
        await terminal.until(lambda screen: screen.count("blue pot") >= 2, "the answer")
        await terminal.type(CONTROL_C)
        await terminal.type(CONTROL_D)
        assert await terminal.ended() == 0


async def test_what_others_cause_is_shown_at_the_prompt(
    shared_daemon: Daemon, terminal_env: dict[str, str], tmp_path: Path
) -> None:
    async with (
        Terminal([str(HOMARUS), "chat"], terminal_env, tmp_path) as terminal,
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as other,
    ):
        await other.connect()
        await terminal.shows("Ctrl-D leaves")
        await terminal.type("half a li")
        await other.call(
            "chat.send", {"sessionKey": "agent:main:main", "message": "help", "idempotencyKey": "other-1"}
        )
        screen = await terminal.shows("meanwhile:")
        assert "> half a li" in await terminal.until(
            lambda seen: seen.rstrip().endswith("half a li"), "the line"
        )
        assert screen
        await terminal.type(CONTROL_C, CONTROL_D)
        assert await terminal.ended() == 0


async def test_a_restart_of_the_gateway_is_survived_at_the_prompt(daemon: Daemon, tmp_path: Path) -> None:
    env = {**daemon.env, "NO_COLOR": "1"}
    async with Terminal([str(HOMARUS), "chat"], env, tmp_path) as terminal:
        await terminal.shows("Ctrl-D leaves")
        await daemon.restart()
        await terminal.type("help", ENTER)
        await terminal.until(lambda screen: screen.rstrip().endswith("\n>"), "an answer and a prompt")
        await terminal.type("/quit", ENTER)
        assert await terminal.ended() == 0


async def test_control_c_in_a_pipe_ends_the_run_with_130(tmp_path: Path) -> None:
    async with ModelServer(script=Script(slow_words=500)) as model:
        config = f"""
            [agents.model]
            primary = "scripted/{MODEL_ID}"
            [agents.providers.scripted]
            base_url = "{model.base_url}"
            api_key = "{API_KEY}"
        """
        async with Daemon(tmp_path, config=config) as daemon:
            process = await asyncio.create_subprocess_exec(
                HOMARUS, "chat", "SLOW", stdout=PIPE, stderr=PIPE, env=daemon.env
            )
            assert process.stdout is not None
            assert (await process.stdout.readexactly(5)).startswith(b"word0")
            process.send_signal(signal.SIGINT)
            rest, errors = await process.communicate()
            assert (process.returncode, errors) == (130, b"stopped\n")
            assert b"word499" not in rest
            shown = await ask_async(daemon, "sessions", "show", "main")
            assert "word0" in shown.out
