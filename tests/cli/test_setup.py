"""`homarus setup`: from an empty folder to a first answer (row S0.3-16), left and taken up again."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cli.command import one_line_error, run
from tests.support.daemon import HOMARUS
from tests.support.model_server import API_KEY, MODEL_ID, ModelServer
from tests.support.terminal import CONTROL_C, ENTER, Terminal

CONTROL_D = "\x04"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An empty machine; the gateway that setup leaves running is ended afterwards."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    made = {**kept, "HOME": str(tmp_path), "NO_COLOR": "1"}
    yield made
    for home in (tmp_path / ".homarus", tmp_path / "elsewhere"):
        if home.exists():
            run(made, "gateway", "stop", "--home", home)


def done(tmp_path: Path, home: str = ".homarus") -> list[str]:
    """Steps on record."""
    return json.loads((tmp_path / home / "state" / "setup.json").read_text(encoding="utf-8"))["done"]


def test_without_questions(env: dict[str, str], tmp_path: Path) -> None:
    result = run(env, "setup", "--yes", "--port", "0")
    assert result.code == 0, result.err
    assert "homarus devices pair" in result.out
    assert done(tmp_path) == ["gateway", "network", "auth", "agent", "message"]
    assert run(env, "gateway", "health").code == 0
    again = run(env, "setup", "--yes")
    assert again.code == 0
    assert again.out.count("done before") == 4


def test_nobody_to_ask(env: dict[str, str], tmp_path: Path) -> None:
    assert "--yes" in one_line_error(run(env, "setup"), 2)
    assert not (tmp_path / ".homarus").exists()


async def test_asked_left_and_taken_up_again(env: dict[str, str], tmp_path: Path) -> None:
    async with Terminal([str(HOMARUS), "setup", "--port", "0"], env, tmp_path) as terminal:
        await terminal.shows("Folder for everything it keeps")
        await terminal.type(str(tmp_path / "elsewhere"), ENTER)
        await terminal.shows("Who may connect?")
        await terminal.shows("Choose [1]:")
        await terminal.type("7", ENTER)
        await terminal.shows("type a number from 1 to 2")
        await terminal.type(ENTER)
        await terminal.shows("What must they know?")
        await terminal.type(CONTROL_C)
        await terminal.shows("run homarus setup again")
        assert await terminal.ended() == 130
    assert done(tmp_path, "elsewhere") == ["gateway", "network"]
    env = {**env, "HOMARUS_HOME": str(tmp_path / "elsewhere")}
    async with Terminal([str(HOMARUS), "setup"], env, tmp_path) as terminal:
        await terminal.shows("it runs already")
        await terminal.shows("done before  who can reach it")
        await terminal.shows("What must they know?")
        await terminal.type(ENTER)
        await terminal.shows("Who shall answer you?")
        await terminal.type(ENTER)
        await terminal.shows("Say something [hello]:")
        await terminal.type("help", ENTER)
        await terminal.shows("Ready")
        assert await terminal.ended() == 0


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    """A scripted OpenAI-compatible server."""
    async with ModelServer() as server:
        yield server


async def test_with_a_language_model(env: dict[str, str], tmp_path: Path, model: ModelServer) -> None:
    args = ("setup", "--yes", "--port", "0", "--llm-url", model.base_url)
    result = await asyncio.to_thread(run, {**env, "HOMARUS_LLM_KEY": API_KEY}, *args)
    assert result.code == 0, result.err
    assert f"llm/{MODEL_ID} answers" in result.out
    assert "Hello from the scripted model. You said: hello" in result.out
    key_file = tmp_path / ".homarus" / "keys" / "llm.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert API_KEY not in (tmp_path / ".homarus" / "homarus.toml").read_text(encoding="utf-8")


async def test_a_wrong_key_stops_there_and_can_be_corrected(
    env: dict[str, str], tmp_path: Path, model: ModelServer
) -> None:
    args = ("setup", "--yes", "--port", "0", "--llm-url", model.base_url)
    refused = await asyncio.to_thread(run, {**env, "HOMARUS_LLM_KEY": "wrong"}, *args)
    assert "check the key" in one_line_error(refused, 1)
    assert done(tmp_path) == ["gateway", "network", "auth"]
    again = await asyncio.to_thread(run, {**env, "HOMARUS_LLM_KEY": API_KEY}, *args)
    assert again.code == 0, again.err


async def test_a_taken_port_is_asked_for_again(env: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with Terminal(
            [str(HOMARUS), "setup", "--port", port, "--home", "elsewhere"], env, tmp_path
        ) as terminal:
            await terminal.shows("Another port [0]:")
            await terminal.type("many", ENTER)
            await terminal.shows("type a number from 0 to 65535")
            await terminal.type(ENTER)
            await terminal.shows("it runs at http://127.0.0.1:")
            await terminal.shows("Who may connect?")
            await terminal.type(CONTROL_D)
            assert await terminal.ended() == 130


def test_listening_to_the_network_is_encrypted(env: dict[str, str], tmp_path: Path) -> None:
    result = run(env, "setup", "--yes", "--port", "0", "--network")
    assert result.code == 0, result.err
    pin = re.search(r"SHA-256 ([0-9A-F:]{95})", result.out)
    port = re.search(r"https://0\.0\.0\.0:(\d+)/", result.out)
    assert pin is not None
    assert port is not None
    url = f"wss://127.0.0.1:{port[1]}"
    assert run(env, "gateway", "health", "--url", url, "--tls-fingerprint", pin[1]).code == 0


async def test_a_password_of_ones_own(env: dict[str, str], tmp_path: Path) -> None:
    async with Terminal(
        [str(HOMARUS), "setup", "--port", "0", "--home", "elsewhere"], env, tmp_path
    ) as terminal:
        await terminal.shows("Who may connect?")
        await terminal.type(ENTER)
        await terminal.shows("What must they know?")
        await terminal.type("2", ENTER)
        await terminal.shows("Password:")
        await terminal.type("short", ENTER)
        await terminal.shows("at least 16 characters")
        await terminal.type("sixteen characters or more", ENTER)
        screen = await terminal.shows("Who shall answer you?")
        assert "sixteen" not in screen
        await terminal.type(CONTROL_C)
        assert await terminal.ended() == 130
    home = tmp_path / "elsewhere"
    assert "sixteen" not in (home / "homarus.toml").read_text(encoding="utf-8")
    elsewhere = {**env, "HOMARUS_HOME": str(tmp_path / "none")}
    port = re.search(r"127\.0\.0\.1:(\d+)", (home / "logs" / "homarus.log").read_text(encoding="utf-8"))
    assert port is not None
    url = f"ws://127.0.0.1:{port[1]}"
    given = ("--token", "sixteen characters or more")
    assert (await asyncio.to_thread(run, elsewhere, "gateway", "health", "--url", url, *given)).code == 0
