"""The official node host, `openclaw node run`, as the tests of nodes start and approve it.

A test module makes its fixtures from `started` and `approve`, so that each has a node of its own.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.daemon import TOKEN
from tests.support.openclaw import OpenClawCli, end_group
from tests.support.recorder import Frame, Recorder, Sender
from tests.support.wire import Json

DESKTOP = {
    *("browser.proxy", "browser.proxy.upload.v1", "desktop.stream", "fs.listDir", "mcp.tools.call.v1"),
    *("system.execApprovals.get", "system.execApprovals.set", "system.notify", "system.run"),
    *("system.run.prepare", "system.which", "terminal.upload"),
}
"""What OpenClaw's headless host lends on Linux and both gateways allow."""

# The program compiles and loads for several seconds before it connects, more so beside another suite.
START_TIMEOUT_S = 90.0


@dataclass
class Laptop:
    """The official node host, running."""

    cli: OpenClawCli
    recorder: Recorder
    said: list[str] = field(default_factory=list[str])

    @property
    def node_id(self) -> str:
        """Its device id, from its last connect."""
        return str(self._connects()[-1]["device"]["id"])

    def _connects(self) -> list[Json]:
        asked = [frame.body for frame in self.recorder.frames if frame.body.get("method") == "connect"]
        params: list[Json] = [body["params"] for body in asked if isinstance(body["params"], dict)]
        return [one for one in params if one.get("role") == "node" and one["client"]["displayName"] == "lap"]

    async def reported(self, method: str, mark: int = 0, *, ok: bool = True) -> Json:
        """The next answer to a call of `method` by the node after `mark` that went well, or did not."""
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                for frame in answers(self.recorder, method, mark):
                    if frame.body["ok"] is ok:
                        return dict(frame.body)
                await asyncio.sleep(0.05)


def answers(recorder: Recorder, method: str, mark: int = 0) -> list[Frame]:
    """What the gateway answered to calls of `method`."""
    frames = recorder.since(mark)
    asked = {
        (frame.connection, frame.body["id"])
        for frame in frames
        if frame.sender is Sender.CLIENT and frame.body.get("method") == method
    }
    return [
        frame for frame in frames if frame.kind == "res" and (frame.connection, frame.body["id"]) in asked
    ]


@asynccontextmanager
async def started(recorder: Recorder, home: Path) -> AsyncGenerator[Laptop]:
    """`openclaw node run` as "lap", connected and not approved."""
    cli = OpenClawCli(home, recorder.port, TOKEN)
    where = ("--host", "127.0.0.1", "--port", str(recorder.port), "--display-name", "lap")
    process = await cli.spawn("node", "run", *where)
    node = Laptop(cli, recorder)

    async def listen(stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for line in stream:
            node.said.append(line.decode(errors="replace"))

    ears = [asyncio.create_task(listen(stream)) for stream in (process.stdout, process.stderr)]
    try:
        await node.reported("node.runnerInventory.update", ok=False)  # not before its approval
        yield node
    finally:
        end_group(process.pid)
        await process.wait()
        await asyncio.wait(ears)


async def approve(laptop: Laptop, cli: OpenClawCli) -> None:
    """Approve it with `openclaw nodes approve`."""
    (request,) = (await cli.ok("nodes", "pending", "--json")).json()
    mark = laptop.recorder.mark()
    shown = (await cli.ok("nodes", "approve", request["requestId"])).json()
    assert shown["requestId"] == request["requestId"]
    assert set(shown["node"]["commands"]) >= DESKTOP
    told = await laptop.recorder.event("node.pair.resolved", lambda p: p["decision"] == "approved", mark)
    assert told["nodeId"] == laptop.node_id
    # The node hears of it, and offers what it kept back until then.
    await laptop.reported("node.runnerInventory.update", mark)
