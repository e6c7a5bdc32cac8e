"""From a sentence to a tap: shipped gateway, shipped node, a real Chromium (S1.B-7.1, S1.B-7.2, DC-7)."""

import asyncio
import base64
import json
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.device_node.providers.desktop import needed
from tests.support.daemon import Daemon
from tests.support.node import NodeProcess, running
from tests.support.nodes import pending_request
from tests.support.wire import Json, WireClient

ENDS = {"final", "aborted", "error"}
SHOTS = os.environ.get("HOMARUS_SCREENSHOTS")
TAP = """
new Promise((done) => {
  const heard = (event) => { removeEventListener("openclaw:a2ui-action-status", heard); done(event.detail); };
  addEventListener("openclaw:a2ui-action-status", heard);
  openclawSendUserAction({ name: "toggle", surfaceId: "checklist", context: { item: "1" } });
})
"""


class Person:
    """Somebody in front of both."""

    def __init__(self, client: WireClient, node: NodeProcess) -> None:
        self.client = client
        self.node = node

    async def say(self, text: str) -> str:
        sent = {"sessionKey": "main", "message": text, "idempotencyKey": str(uuid.uuid4())}
        run_id = (await self.client.call("chat.send", sent))["runId"]
        frame = await self.client.wait_event("chat", lambda p: p["runId"] == run_id and p["state"] in ENDS)
        return frame["payload"]["message"]["content"][0]["text"]

    async def invoke(self, command: str, **params: Any) -> Any:
        call: Json = {"nodeId": self.node.device_id, "command": command, "params": params}
        return (await self.client.call("node.invoke", call | {"idempotencyKey": str(uuid.uuid4())}))[
            "payload"
        ]

    async def shot(self, name: str) -> bytes:
        picture = base64.b64decode((await self.invoke("canvas.snapshot"))["base64"])
        if SHOTS is not None:
            await asyncio.to_thread((Path(SHOTS) / f"{name}.png").write_bytes, picture)
        return picture


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with Daemon(tmp_path / "gateway") as daemon:
        yield daemon


@pytest.fixture
async def person(daemon: Daemon, tmp_path: Path) -> AsyncIterator[Person]:
    needed("chromium")
    config = f'[gateway]\nurl = "{daemon.ws_url}"\ntoken = {{ file = "token" }}\n'
    node = NodeProcess(tmp_path / "node", config=config)
    (node.home.root / "token").write_text(daemon.token or "", encoding="utf-8")
    (node.home.root / "token").chmod(0o600)
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        async with running(node):
            request = await pending_request(client, node.device_id)
            await client.call("node.pair.approve", {"requestId": request["requestId"]})
            yield Person(client, node)


async def test_a_checklist_is_shown_tapped_and_updated(person: Person) -> None:
    assert "on the canvas of" in await person.say("make a checklist: milk, bread")
    unticked = await person.shot("checklist")
    mark = person.client.mark()
    # The bridge of the page is what its buttons use; the answer is what the page shows as sent or failed.
    detail = json.loads((await person.invoke("canvas.eval", javaScript=TAP))["result"])
    assert (detail["ok"], detail["error"]) == (True, "")
    done = await person.client.wait_event("chat", lambda p: p["state"] in ENDS, since=mark)
    assert done["payload"]["message"]["content"][0]["text"] == "☑ milk (1 of 2 done)"
    ticked = await person.shot("checklist-ticked")
    assert ticked.startswith(b"\x89PNG")
    assert ticked != unticked
    await person.say("show my devices")
    await person.shot("devices")
    surfaces = (await person.invoke("canvas.eval", javaScript="openclawA2UI.getSurfaces()"))["result"]
    assert json.loads(surfaces) == ["checklist", "devices"]


async def test_everything_is_back_after_both_were_killed(daemon: Daemon, person: Person) -> None:
    await person.say("make a checklist: milk, bread")
    before = await person.shot("before")
    person.node.kill()
    await person.client.abort()
    daemon.kill()
    await daemon.start()
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        person.node.launch()
        again = Person(client, person.node)
        async with asyncio.timeout(30):
            while not (await nodes(client))[0].get("connected"):
                await client.call("health", {})
            surfaces = "[]"
            while surfaces == "[]":
                await again.invoke("canvas.present")
                surfaces = (await again.invoke("canvas.eval", javaScript="openclawA2UI.getSurfaces()"))[
                    "result"
                ]
        assert json.loads(surfaces) == ["checklist"]
        assert await again.shot("after") == before


async def test_a_document_of_the_gateway_is_shown(daemon: Daemon, person: Person) -> None:
    """By its path: the node asks for the address, which nobody has to pass around."""
    (daemon.home / "canvas/docs").mkdir()
    (daemon.home / "canvas/docs/index.html").write_text("<title>from the gateway</title>")
    await person.invoke("canvas.present", url="/__openclaw__/canvas/docs/")
    assert (await person.invoke("canvas.eval", javaScript="document.title")) == {"result": "from the gateway"}
    # It shares the gateway's address, not its origin.
    assert (await person.invoke("canvas.eval", javaScript="self.origin")) == {"result": "null"}
    await person.invoke("canvas.navigate", url="/__openclaw__/a2ui/?platform=linux")
    kind = "typeof openclawA2UI.applyMessages"
    assert (await person.invoke("canvas.eval", javaScript=kind)) == {"result": "function"}
    await person.invoke("canvas.hide")
    await person.invoke("canvas.present")
    assert "/a2ui/" in (await person.invoke("canvas.eval", javaScript="location.pathname"))["result"]


async def nodes(client: WireClient) -> list[Json]:
    return (await client.call("node.list", {}))["nodes"]
