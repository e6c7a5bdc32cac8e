"""The shipped node at OpenClaw's own gateway, driven by OpenClaw's own command (issue 3, done when 1).

Rows S1.B-5 and S0.3-4: the same device that serves our gateway serves the original, unmodified.
"""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.node import NodeProcess, running
from tests.support.openclaw import OPENCLAW, OpenClawCli, OpenClawGateway, write_config
from tests.support.wire import Json, RpcError, WireClient

TOKEN = "openclaw-token-5d1f"

pytestmark = [
    pytest.mark.skipif(not OPENCLAW.exists(), reason="scripts/setup --node installs the OpenClaw clients"),
    # Its gateway takes seconds to start and each of its commands as long.
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenClawGateway]:
    gateway = OpenClawGateway(tmp_path_factory.mktemp("openclaw"), token=TOKEN)
    config: Json = json.loads((gateway.home / ".openclaw" / "openclaw.json").read_text())
    # By default it allows a phone nothing that needs the screen and that no plugin handles in its own way.
    config["gateway"]["nodes"] = {"commands": {"allow": ["screen.snapshot"]}}
    write_config(gateway.home, config)
    gateway.launch()
    yield gateway
    gateway.close()


async def test_openclaw_approves_and_asks_our_node(original: OpenClawGateway, tmp_path: Path) -> None:
    cli = OpenClawCli(tmp_path / "operator", original.port, TOKEN)
    node = NodeProcess(
        tmp_path / "laptop",
        args=["--url", original.ws_url, "--token", TOKEN, "--display-name", "Homarus Laptop"],
    )
    async with running(node):
        await node.until(lambda status: status.surface == "waiting")
        pending = (await cli.ok("nodes", "pending", "--json")).json()
        (request,) = [item for item in pending if item["nodeId"] == node.device_id]
        await cli.ok("nodes", "approve", request["requestId"])
        await node.until(lambda status: status.surface == "approved")
        described = (await cli.ok("nodes", "describe", "--node", "Homarus Laptop", "--json")).json()
        assert "system.which" in described["commands"]
        which = '{"bins":["sh","no-such-program"]}'
        args = ["nodes", "invoke", "--node", node.device_id, "--command", "system.which", "--params", which]
        answer = (await cli.ok(*args, "--json")).json()
        assert answer["payload"]["bins"] == {"sh": shutil.which("sh", path=node.env["PATH"])}
        refused = await cli.run("nodes", "invoke", "--node", node.device_id, "--command", "camera.snap")
        assert refused.code != 0
        await cli.ok("nodes", "rename", "--node", node.device_id, "--name", "Renamed")
        listed = (await cli.ok("nodes", "status", "--json")).json()
        (shown,) = [item for item in listed["nodes"] if item["nodeId"] == node.device_id]
        assert (shown["displayName"], shown["connected"]) == ("Renamed", True)


async def test_our_node_comes_back_with_its_own_token(original: OpenClawGateway, tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "phone", config='profile = "android"\n')
    node.args = ["--url", original.ws_url, "--token", TOKEN]
    async with await WireClient.open(original.ws_url, token=TOKEN) as client, running(node):
        await client.connect()
        await approve(client, node)
        first = await invoke(client, node, "device.status", "k1")
        assert first["payload"]["battery"]["state"] == "unplugged"
        node.kill()
        node.args = ["--url", original.ws_url]
        node.launch()
        await node.until(lambda status: status.state == "connected")
        # OpenClaw takes some time to note a connect; until then it says that the node is not connected.
        await settled(client, node)
        assert (await invoke(client, node, "device.info", "k2"))["payload"]["systemName"] == "Android"


async def test_what_waits_for_the_foreground_is_done_there(original: OpenClawGateway, tmp_path: Path) -> None:
    config = 'profile = "phone"\n[permissions]\nscreen = true\n'
    node = NodeProcess(tmp_path / "phone", args=["--url", original.ws_url, "--token", TOKEN], config=config)
    async with await WireClient.open(original.ws_url, token=TOKEN) as client, running(node):
        await client.connect()
        await approve(client, node)
        assert (await invoke(client, node, "screen.snapshot", "k1"))["payload"]["format"] == "png"
        await asyncio.to_thread(node.move, "background")
        with pytest.raises(RpcError) as caught:
            await invoke(client, node, "screen.snapshot", "k2")
        assert caught.value.details["code"] == "QUEUED_UNTIL_FOREGROUND"
        await asyncio.to_thread(node.move, "foreground")
        await node.until(lambda status: status.done >= 2)


async def approve(client: WireClient, node: NodeProcess) -> None:
    await node.until(lambda status: status.surface == "waiting")
    waiting = await client.call("node.pair.list", {})
    (request,) = [item for item in waiting["pending"] if item["nodeId"] == node.device_id]
    await client.call("node.pair.approve", {"requestId": request["requestId"]})
    await node.until(lambda status: status.surface == "approved")


async def settled(client: WireClient, node: NodeProcess) -> None:
    async with asyncio.timeout(20):
        while not (await client.call("node.describe", {"nodeId": node.device_id}))["commands"]:
            pass


async def invoke(client: WireClient, node: NodeProcess, command: str, key: str) -> Json:
    call = {"nodeId": node.device_id, "command": command, "idempotencyKey": key}
    return await client.call("node.invoke", call, timeout_s=30)
