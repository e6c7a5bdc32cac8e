"""Tools of a node's MCP servers reach the gateway, follow the settings, and can be called (S3.I-1)."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.node import NodeProcess, running
from tests.support.scripted_gateway import Json, ScriptedGateway, scripted_gateway

UPDATE = "node.pluginTools.update"
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as gateway:
        gateway.answers[UPDATE] = lambda params: {"nodeId": "n", "tools": params["tools"]}
        yield gateway


def toml(gateway: ScriptedGateway, *, servers: bool) -> str:
    argv = json.dumps([sys.executable, "-m", "tests.support.mcp_server"])
    server = f'[mcp.small]\nargv = {argv}\nenv = {{ PYTHONPATH = "{CHECKOUT}" }}\n' if servers else ""
    return f'[gateway]\nurl = "{gateway.url}"\n{server}'


def names(params: Json) -> list[str]:
    return [tool["name"] for tool in params["tools"]]


async def test_the_gateway_hears_which_tools_there_are(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway, servers=True))
    async with running(node):
        connect = await gateway.connected()
        assert "mcp.tools.call.v1" in connect["commands"]
        told = await gateway.request(UPDATE)
        assert "small__shout" in names(told)
        lent = next(tool for tool in told["tools"] if tool["name"] == "small__shout")
        call = {**lent["mcp"], "arguments": {"word": "hi"}}
        await gateway.invoke("i1", lent["command"], call)
        result = await gateway.request("node.invoke.result", id="i1")
        assert json.loads(result["payloadJSON"])["content"] == [{"type": "text", "text": "HI"}]

        node.home.config_path.write_text(toml(gateway, servers=False))
        os.kill(node.pid, signal.SIGHUP)
        assert "mcp.tools.call.v1" not in (await gateway.connected(2))["commands"]
    assert len([1 for request in gateway.requests if request["method"] == UPDATE]) <= 2


async def test_without_servers_nothing_is_told(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway, servers=False))
    async with running(node):
        await gateway.connected()
        await gateway.request("node.pending.pull")
        await gateway.invoke("i1", "system.which", {"bins": ["ls"]})
        await gateway.request("node.invoke.result", id="i1")
    assert not [request for request in gateway.requests if request["method"] == UPDATE]
