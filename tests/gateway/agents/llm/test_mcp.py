"""Tools of real MCP servers, started as programs or reached over HTTP (issue: tools, MCP)."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.agents.model import Finished, ToolFinished, TurnEvent
from protocol.scopes import Scope
from tests.gateway.agents.llm.conftest import Bench
from tests.support.model_server import ModelServer
from tests.support.turns import text_of, turn_of

ARGV = [sys.executable, "-m", "tests.support.mcp_server"]


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


def configure(bench: Bench, provider: dict[str, Any], timeout_s: float = 30.0) -> Bench:
    bench.configure(
        providers={"local": provider},
        mcp={"small": {"argv": ARGV, "env": {"GIVEN": "for you"}, "timeout_s": timeout_s}},
        entries={"main": {"mcp": ["small"]}},
    )
    return bench


@pytest.fixture
def configured(bench: Bench, provider: Any, server: ModelServer) -> Bench:
    """An agent that may use the small server of tools."""
    return configure(bench, provider(server.base_url))


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[4])


def result_of(events: list[TurnEvent]) -> ToolFinished:
    return next(event for event in events if isinstance(event, ToolFinished))


async def test_a_servers_tools_are_offered_and_run(configured: Bench, server: ModelServer) -> None:
    events = await configured.run('TOOL:small__shout {"word": "ahoy"}')
    offered = {tool["function"]["name"] for tool in server.script.requests[0]["tools"]}  # type: ignore[index]
    assert {"small__shout", "add"} <= offered
    assert (result_of(events).result, result_of(events).is_error) == ("AHOY", False)
    assert text_of(events) == "The tool said: AHOY"
    assert configured.health.parts()["mcp.small"].ok is True


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ('small__fail {"word": "swim"}', "Error executing tool fail"),
        ("small__shout {}", "word"),
    ],
)
async def test_a_failing_tool_is_told_to_the_model(configured: Bench, call: str, said: str) -> None:
    events = await configured.run(f"TOOL:{call}")
    assert result_of(events).is_error is True
    assert said in result_of(events).result
    assert events[-1] == Finished("stop")


async def test_a_slow_tool_is_given_up(bench: Bench, provider: Any, server: ModelServer) -> None:
    slow = configure(bench, provider(server.base_url), timeout_s=1.0)
    events = await slow.run("TOOL:small__slow {}")
    assert "did not finish within 1 s" in result_of(events).result
    assert events[-1] == Finished("stop")


async def test_a_stranger_and_a_list_keep_its_tools_away(configured: Bench, server: ModelServer) -> None:
    await configured.run(turn_of("hello", scopes=(Scope.READ,)))
    assert "small__shout" not in json.dumps(server.script.requests[-1])
    await configured.run("hello", tools_allow=("add",))
    assert "small__shout" not in json.dumps(server.script.requests[-1])
    await configured.run("hello", tools_allow=("small__*",))
    assert "small__shout" in json.dumps(server.script.requests[-1])


async def test_the_server_sees_only_what_it_was_given(
    configured: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    given = await configured.run('TOOL:small__environment {"name": "GIVEN"}')
    assert result_of(given).result == "for you"
    ours = await configured.run('TOOL:small__environment {"name": "OPENAI_API_KEY"}')
    assert result_of(ours).result == "absent"


async def test_a_server_that_dies_is_started_again(configured: Bench) -> None:
    died = await configured.run("TOOL:small__die {}")
    assert result_of(died).is_error is True
    again = await configured.run('TOOL:small__shout {"word": "back"}')
    assert result_of(again).result == "BACK"


async def test_a_server_that_cannot_start_costs_only_its_tools(
    bench: Bench, provider: Any, server: ModelServer
) -> None:
    bench.configure(
        providers={"local": provider(server.base_url)},
        mcp={"gone": {"argv": ["no-such-program"]}},
        entries={"main": {"mcp": ["gone"]}},
    )
    events = await bench.run("hello")
    assert text_of(events).startswith("Hello from the scripted model.")
    assert bench.health.parts()["mcp.gone"].ok is False
    started_s = time.monotonic()
    await bench.run("hello")
    assert time.monotonic() - started_s < 5.0


async def test_closing_ends_the_programs(configured: Bench) -> None:
    await configured.run('TOOL:small__shout {"word": "hi"}')
    before = children()
    await configured.engine.close()
    await configured.tasks.close(3.0)
    assert before
    for _ in range(100):
        if not children():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"still running: {children()}")


def children() -> list[str]:
    """Command lines of our own children that are servers of tools."""
    found = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    ).stdout
    return [line for line in found.splitlines() if "mcp_server" in line]


async def test_a_server_over_http(bench: Bench, provider: Any, server: ModelServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    remote = await asyncio.create_subprocess_exec(*ARGV, str(port), stdout=quiet, stderr=quiet)
    try:
        await listening(port)
        bench.configure(
            providers={"local": provider(server.base_url)},
            mcp={"far": {"url": f"http://127.0.0.1:{port}/mcp", "headers": {"X-Key": "k"}}},
            entries={"main": {"mcp": ["far"]}},
        )
        events = await bench.run('TOOL:far__shout {"word": "hi"}')
        assert result_of(events).result == "HI"
    finally:
        remote.terminate()
        await remote.wait()


async def listening(port: int) -> None:
    """Return once something listens."""
    for _ in range(400):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("the server of tools did not start")
