"""Tools of MCP servers that run beside the node, with real server programs (S3.I-1)."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from device_node.config import McpServerSettings
from tests.device_node.providers.bench import Bench

SMALL = McpServerSettings(
    argv=(sys.executable, "-m", "tests.support.mcp_server"),
    env={"GREETING": "hello", "PYTHONPATH": str(Path(__file__).parents[3])},
    timeout_s=30,
)
HASTY = msgspec.structs.replace(SMALL, timeout_s=0.3)
BROKEN = McpServerSettings(argv=("/no/such/program",))
SILENT = McpServerSettings(argv=("/usr/bin/true",))

CALL = "mcp.tools.call.v1"


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    servers = {"small": SMALL, "hasty": HASTY, "broken": BROKEN, "silent": SILENT}
    bench = Bench(tmp_path / "node", mcp_servers=servers)
    yield bench
    await bench.providers.close()


async def _shout(bench: Bench, word: str) -> str:
    answer = await bench.ask(CALL, {"server": "small", "tool": "shout", "arguments": {"word": word}})
    return answer["content"][0]["text"]


async def test_a_tool_answers(bench: Bench) -> None:
    answer = await bench.ask(CALL, {"server": "small", "tool": "shout", "arguments": {"word": "hi"}})
    assert answer["content"] == [{"type": "text", "text": "HI"}]
    assert answer["structuredContent"] == {"result": "HI"}


async def test_a_tool_that_fails_is_an_answer(bench: Bench) -> None:
    for tool, arguments in (("fail", {"word": "x"}), ("shout", {}), ("no-such-tool", {})):
        answer = await bench.ask(CALL, {"server": "small", "tool": tool, "arguments": arguments})
        assert answer["isError"] is True
        assert answer["content"][0]["type"] == "text"


async def test_the_server_keeps_running_and_many_may_ask(bench: Bench) -> None:
    answers = await asyncio.gather(*(_shout(bench, f"w{number}") for number in range(8)))
    assert answers == [f"W{number}" for number in range(8)]


async def test_the_server_sees_only_what_it_is_given(bench: Bench) -> None:
    for name, value in (("GREETING", "hello"), ("SECRET_TOKEN", "absent")):
        answer = await bench.ask(
            CALL, {"server": "small", "tool": "environment", "arguments": {"name": name}}
        )
        assert answer["content"][0]["text"] == value


async def test_a_server_that_ends_is_started_again(bench: Bench) -> None:
    code, _ = await bench.refusal(CALL, {"server": "small", "tool": "die"})
    assert code == "MCP_SERVER_UNAVAILABLE"
    answer = await bench.ask(CALL, {"server": "small", "tool": "shout", "arguments": {"word": "again"}})
    assert answer["content"][0]["text"] == "AGAIN"


@pytest.mark.parametrize("server", ["unknown", "broken", "silent"])
async def test_servers_that_are_not_there(bench: Bench, server: str) -> None:
    code, text = await bench.refusal(CALL, {"server": server, "tool": "shout"})
    assert code == "MCP_SERVER_UNAVAILABLE"
    assert server in text


async def test_a_tool_that_takes_too_long(bench: Bench) -> None:
    code, _ = await bench.refusal(CALL, {"server": "hasty", "tool": "slow"})
    assert code == "TIMEOUT"


async def test_arguments_that_are_no_object(bench: Bench) -> None:
    for arguments in (7, "text", ["list"]):
        code, text = await bench.refusal(CALL, {"server": "small", "tool": "shout", "arguments": arguments})
        assert code == "INVALID_REQUEST"
        assert text.startswith("arguments")


async def test_the_owner_can_take_the_tools_back(bench: Bench) -> None:
    bench.permissions["mcp"] = False
    code, _ = await bench.refusal(CALL, {"server": "small", "tool": "shout"})
    assert code == "MCP_SERVER_UNAVAILABLE"


async def test_the_tools_it_lends(bench: Bench) -> None:
    assert bench.providers.mcp is not None
    lent = {tool.name: tool for tool in await bench.providers.mcp.tools()}
    shout = lent["small__shout"]
    assert (shout.plugin_id, shout.command, shout.description) == ("node-mcp", CALL, "Say a word loudly.")
    assert shout.mcp is not None
    assert (shout.mcp.server, shout.mcp.tool) == ("small", "shout")
    assert isinstance(shout.parameters, msgspec.Raw)
    assert "word" in msgspec.json.decode(shout.parameters)["properties"]
    assert not any(name.startswith(("broken", "silent")) for name in lent)


async def test_without_servers_nothing_is_offered(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "node")
    assert CALL not in bench.table.names
    assert any(found.family == "mcp" and not found.usable for found in bench.providers.findings)
