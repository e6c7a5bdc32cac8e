"""OpenClaw's own gateway drives this node: its exec tool prepares, asks a person and runs (S1.M-7, S3.I-1).

Everything is real but the language model: the official gateway, the shipped node process, an operator's
connection that approves.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import ModelServer
from tests.support.node import NodeProcess, running
from tests.support.openclaw import OpenClawGateway, write_config
from tests.support.wire import DeviceKey, WireClient

TOKEN = "shared-secret"
TIMEOUT_S = 40.0

pytestmark = pytest.mark.timeout(180)


class Person:
    """An operator beside OpenClaw's gateway who talks to its agent and approves for the node."""

    def __init__(self, wire: WireClient) -> None:
        self._wire = wire
        self.node_id = ""

    async def approve_node(self) -> None:
        """Let the node do what it declares."""
        while not (pending := (await self._wire.call("node.pair.list"))["pending"]):
            await self._wire.wait_event("node.pair.requested", timeout_s=TIMEOUT_S)
        answer = await self._wire.call("node.pair.approve", {"requestId": pending[0]["requestId"]})
        self.node_id = answer["node"]["nodeId"]

    async def exec(
        self, command: str, decision: str | None = None, meanwhile: Callable[[], object] = bool
    ) -> str:
        """Have the agent run `command`, answer the approval it needs, and return what the tool said.

        While the approval waits, `meanwhile` happens.
        """
        since = self._wire.mark()
        text = f"TOOL:exec {json.dumps({'command': command})}"
        run = f"run-{since}"
        await self._wire.call(
            "chat.send", {"sessionKey": "agent:main:main", "message": text, "idempotencyKey": run}
        )
        if decision is not None:
            asked = await self._wire.wait_event("exec.approval.requested", since=since, timeout_s=TIMEOUT_S)
            meanwhile()
            await self._wire.call(
                "exec.approval.resolve", {"id": asked["payload"]["id"], "decision": decision}
            )
        final = await self._wire.wait_event(
            "chat",
            lambda payload: payload["state"] == "final" and payload["runId"] == run,
            since=since,
            timeout_s=TIMEOUT_S,
        )
        assert decision is not None or not self._wire.payloads("exec.approval.requested", since)
        return final["payload"]["message"]["content"][0]["text"]

    async def invoke(self, command: str, params: dict[str, Any]) -> Any:
        """Ask the node directly."""
        call = {"nodeId": self.node_id, "command": command, "params": params, "idempotencyKey": command}
        return (await self._wire.call("node.invoke", call, timeout_s=TIMEOUT_S))["payload"]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeProcess]:
    """A node at OpenClaw's gateway, whose agent runs its commands there."""
    async with ModelServer() as model:
        gateway = OpenClawGateway(tmp_path / "gateway", token=TOKEN, model_url=model.base_url)
        config = json.loads((gateway.home / ".openclaw" / "openclaw.json").read_text())
        config["tools"] = {"exec": {"host": "node", "security": "allowlist", "ask": "on-miss"}}
        write_config(gateway.home, config)
        await asyncio.to_thread(gateway.launch)
        try:
            node = NodeProcess(tmp_path / "node", args=["--url", gateway.ws_url, "--token", TOKEN])
            async with running(node):
                yield node
        finally:
            await asyncio.to_thread(gateway.close)


@pytest.fixture
async def person(node: NodeProcess) -> AsyncIterator[Person]:
    async with await WireClient.open(node.args[1], token=TOKEN) as wire:
        await wire.connect(identity=DeviceKey(), caps=["exec-approvals"])
        person = Person(wire)
        await person.approve_node()
        yield person


async def test_the_exec_tool_runs_commands_on_the_node(person: Person, node: NodeProcess) -> None:
    home = Path(node.env["HOME"])
    assert (await person.invoke("fs.listDir", {}))["path"] == str(home)

    assert (await person.exec("echo once > made-here; echo done", "allow-once")).endswith("done")
    assert (home / "made-here").read_text() == "once\n"

    assert "denied" in (await person.exec("touch never", "deny")).lower()
    assert not (home / "never").exists()

    script = home / "job.sh"
    script.write_text("echo approved")
    assert (await person.exec("sh job.sh", "allow-once")).endswith("approved")
    swap = partial(script.write_text, "echo swapped > made-here")
    assert "denied before execution" in await person.exec("sh job.sh", "allow-once", swap)
    assert (home / "made-here").read_text() == "once\n"

    assert (await person.exec("echo always", "allow-always")).endswith("always")
    assert (await person.exec("echo always")).endswith("always")
