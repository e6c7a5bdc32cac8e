"""`openclaw nodes canvas …` and `openclaw nodes invoke` drive our node's canvas (issue 4 "Done when" 4)."""

import base64
import json
from pathlib import Path

from tests.device_node.providers.desktop import needed
from tests.protocol.a2ui.test_examples import CARD_V0_8
from tests.support.daemon import Daemon
from tests.support.node import NodeProcess, running
from tests.support.nodes import pending_request
from tests.support.openclaw import OpenClawCli
from tests.support.wire import WireClient


async def approve(daemon: Daemon, node: NodeProcess) -> None:
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        request = await pending_request(client, node.device_id)
        await client.call("node.pair.approve", {"requestId": request["requestId"]})


async def test_the_official_command_line_drives_our_canvas(tmp_path: Path) -> None:
    needed("chromium")
    (tmp_path / "openclaw").mkdir()
    async with Daemon(tmp_path / "gateway") as daemon:
        assert daemon.token is not None
        (daemon.home / "canvas/docs").mkdir()
        (daemon.home / "canvas/docs/index.html").write_text("<title>shown</title>")
        cli = OpenClawCli(tmp_path / "openclaw", daemon.port, daemon.token)
        node = NodeProcess(tmp_path / "node", args=["--url", daemon.ws_url, "--token", daemon.token])
        async with running(node):
            await approve(daemon, node)
            at = ("--node", node.device_id)
            await cli.ok("nodes", "canvas", "present", *at)
            assert (
                "ok"
                in (await cli.ok("nodes", "canvas", "navigate", "/__openclaw__/canvas/docs/", *at)).stdout
            )
            invoke = ("nodes", "invoke", *at, "--json", "--command")
            script = json.dumps({"javaScript": "document.title"})
            answer = (await cli.ok(*invoke, "canvas.eval", "--params", script)).json()
            assert answer["payload"] == {"result": "shown"}
            push = json.dumps({"messages": CARD_V0_8})
            answer = (await cli.ok(*invoke, "canvas.a2ui.push", "--params", push)).json()
            assert answer["payload"] == {"ok": True, "surfaces": ["main"]}
            answer = (await cli.ok(*invoke, "canvas.snapshot", "--params", "{}")).json()
            assert base64.b64decode(answer["payload"]["base64"]).startswith(b"\x89PNG")
            refused = await cli.run("nodes", "canvas", "navigate", "file:///etc/passwd", *at)
            assert refused.code == 1
            assert "only http and https" in refused.stdout + refused.stderr
            await cli.ok("nodes", "canvas", "hide", *at)
