"""What the offline agent draws on a node, through the shipped gateway (S1.B-7.1, S1.B-7.2)."""

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from protocol.a2ui.lines import read_jsonl
from protocol.a2ui.surfaces import Surfaces, data_of
from tests.protocol.a2ui.test_examples import jsonl
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, invoke
from tests.support.wire import Json, RpcError, WireClient

COMMANDS = ["canvas.present", "canvas.snapshot", "canvas.a2ui.push", "canvas.a2ui.reset"]
ENDS = {"final", "aborted", "error"}


class Board(ScriptedNode):
    """A node that keeps what is drawn on it, as a renderer would."""

    def __init__(self, daemon: Daemon, **options: Any) -> None:
        answers = {
            "canvas.a2ui.push": self._push,
            "canvas.a2ui.reset": self._reset,
            "canvas.present": {"ok": True},
        }
        super().__init__(daemon, caps=["canvas"], commands=COMMANDS, answers=answers, **options)
        self.drawn = Surfaces()
        self.pushes = 0

    async def _push(self, params: Json) -> Json:
        self.drawn = self.drawn.after(read_jsonl(jsonl(params["messages"])))
        self.pushes += 1
        return {"ok": True, "surfaces": self.drawn.ids}

    async def _reset(self, _: Json) -> Json:
        self.drawn = Surfaces()
        return {"ok": True}

    def data(self, surface_id: str) -> Any:
        surface = self.drawn.find(surface_id)
        assert surface is not None, self.drawn.ids
        return data_of(surface)

    def labels(self) -> list[str]:
        return [row["label"] for row in self.data("checklist")["items"].values()]

    async def tap(self, action: str, surface: str, session: str, **context: str) -> Json:
        """Report an action as OpenClaw's apps do."""
        told = f" ctx={json.dumps(context)}" if context else ""
        message = (
            f"CANVAS_A2UI action={action} session={session} surface={surface} component=b host=x instance=y"
        )
        payload = {
            "message": f"{message}{told} default=update_canvas",
            "sessionKey": session,
            "key": str(uuid.uuid4()),
        }
        return await self.event("agent.request", payload)


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with Daemon(tmp_path) as daemon:
        yield daemon


async def operator_of(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


@pytest.fixture
async def operator(daemon: Daemon) -> AsyncIterator[WireClient]:
    async with await operator_of(daemon) as client:
        yield client


@pytest.fixture
async def board(daemon: Daemon, operator: WireClient) -> AsyncIterator[Board]:
    async with Board(daemon) as board:
        await board.approved_by(operator)
        yield board


async def said(operator: WireClient, run_id: str) -> str:
    frame = await operator.wait_event("chat", lambda p: p["runId"] == run_id and p["state"] in ENDS)
    assert frame["payload"]["state"] == "final", frame
    return frame["payload"]["message"]["content"][0]["text"]


async def ask(operator: WireClient, text: str, session: str = "main") -> str:
    sent = {"sessionKey": session, "message": text, "idempotencyKey": str(uuid.uuid4())}
    return await said(operator, (await operator.call("chat.send", sent))["runId"])


async def test_a_checklist_is_drawn_and_ticked_in_place(operator: WireClient, board: Board) -> None:
    answer = await ask(operator, "make a checklist: milk, bread and tea")
    assert "on the canvas of laptop" in answer
    assert board.labels() == ["☐ milk", "☐ bread", "☐ tea"]
    before = board.drawn.find("checklist")
    taken = await board.tap("toggle", "checklist", "agent:main:main", item="2")
    assert taken["handled"] is True
    assert await said(operator, taken["runId"]) == "☑ bread (1 of 3 done)"
    assert board.labels() == ["☐ milk", "☑ bread", "☐ tea"]
    after = board.drawn.find("checklist")
    assert before is not None
    assert after is not None
    assert before.components == after.components
    assert board.data("checklist")["count"] == "1 of 3 done"
    items = (await operator.call("inbox.list", {"limit": 5, "channel": "canvas"}))["items"]
    assert items[0]["sessionKey"] == "agent:main:main"


async def test_its_other_buttons(operator: WireClient, board: Board) -> None:
    await ask(operator, "make a packing checklist: socks, hat")
    for action, context in (("toggle", {"item": "1"}), ("remove", {})):
        taken = await board.tap(action, "checklist", "agent:main:main", **context)
        await said(operator, taken["runId"])
    assert board.labels() == ["☐ hat"]
    assert board.data("checklist")["title"] == "packing"
    taken = await board.tap("toggle", "checklist", "agent:main:main", item="9")
    assert "there are 1 items" in await said(operator, taken["runId"])
    taken = await board.tap("go", "nothing", "agent:main:main")
    assert "has drawn no surface" in await said(operator, taken["runId"])


async def test_devices_are_drawn_and_looked_at_again(operator: WireClient, board: Board) -> None:
    assert "paired device" in await ask(operator, "show my devices")
    pushes = board.pushes
    taken = await board.tap("refresh", "devices", "agent:main:main")
    assert "up to date" in await said(operator, taken["runId"])
    assert board.pushes == pushes + 1
    assert board.drawn.ids == ["devices"]


async def test_surfaces_survive_a_killed_gateway(daemon: Daemon, operator: WireClient, board: Board) -> None:
    await ask(operator, "make a checklist: milk, bread")
    taken = await board.tap("toggle", "checklist", "agent:main:main", item="1")
    await said(operator, taken["runId"])
    await operator.abort()
    await board.drop()
    daemon.kill()
    await daemon.start()
    # A device that starts from nothing shows the same again, without being asked.
    again = Board(daemon, key=board.key)
    async with again, await operator_of(daemon) as client:
        while again.pushes == 0:
            await client.call("health", {})
        assert again.labels() == ["☑ milk", "☐ bread"]
        taken = await again.tap("toggle", "checklist", "agent:main:main", item="2")
        assert "2 of 2 done" in await said(client, taken["runId"])
        assert again.labels() == ["☑ milk", "☑ bread"]


async def test_without_a_canvas_it_waits_for_one(daemon: Daemon, operator: WireClient) -> None:
    assert "as soon as one is" in await ask(operator, "make a checklist: milk")
    drawn = await operator.call("canvas.surfaces", {"sessionKey": "main"})
    assert (drawn["sessionKey"], drawn["surfaces"]) == ("agent:main:main", ["checklist"])
    async with Board(daemon) as board:
        await board.approved_by(operator)
        assert "on the canvas of laptop" in await ask(operator, "make a checklist: tea")
        assert board.labels() == ["☐ tea"]


async def test_a_client_that_shows_it_itself(operator: WireClient) -> None:
    mark = operator.mark()
    await ask(operator, "make a checklist: milk")
    event = await operator.wait_event("canvas.changed", since=mark)
    page = Surfaces().after(read_jsonl(jsonl(event["payload"]["messages"])))
    call = {
        "sessionKey": "main", "name": "toggle", "surfaceId": "checklist", "idempotencyKey": str(uuid.uuid4()),
        "context": {"item": "1"},
    }  # fmt: skip
    mark = operator.mark()
    acted = await operator.call("canvas.act", call)
    assert await said(operator, acted["runId"]) == "☑ milk (1 of 1 done)"
    event = await operator.wait_event("canvas.changed", since=mark)
    page = page.after(read_jsonl(jsonl(event["payload"]["messages"])))
    drawn = await operator.call("canvas.surfaces", {"sessionKey": "main"})
    assert page.messages() == drawn["messages"]
    # The same tap again is one tap.
    assert (await operator.call("canvas.act", call))["runId"] == acted["runId"]


async def test_sessions_do_not_mix(operator: WireClient, board: Board) -> None:
    await ask(operator, "make a checklist: milk")
    await ask(operator, "make a checklist: nails", session="agent:main:work")
    assert board.labels() == ["☐ nails"]
    assert "milk" in json.dumps(
        await operator.call("canvas.surfaces", {"sessionKey": "main"}), ensure_ascii=False
    )
    taken = await board.tap("toggle", "checklist", "agent:main:work", item="1")
    await said(operator, taken["runId"])
    assert board.labels() == ["☑ nails"]


async def test_bad_calls_name_the_field(operator: WireClient) -> None:
    call: Json = {"sessionKey": "main", "name": "x", "surfaceId": "s", "idempotencyKey": str(uuid.uuid4())}
    wrongs: list[Json] = [{"name": ""}, {"surfaceId": ""}, {"context": []}, {"context": {"x": "y" * 30_000}}]
    for wrong in wrongs:
        with pytest.raises(RpcError) as caught:
            await operator.call("canvas.act", call | wrong)
        assert caught.value.code == "INVALID_REQUEST"
        assert next(iter(wrong)) in str(caught.value)


async def test_an_operator_draws_through_node_invoke(operator: WireClient, board: Board) -> None:
    """As `openclaw nodes canvas a2ui push` does: the node checks, and keeps it."""
    params = {"messages": [{"beginRendering": {"surfaceId": "m", "root": "r"}}]}
    answer = await invoke(operator, board, "canvas.a2ui.push", params=params)
    assert answer["payload"] == {"ok": True, "surfaces": ["m"]}
    pushes = board.pushes
    wrongs: list[Json] = [
        {"messages": [{"nonsense": {}}]},
        {"jsonl": '{"beginRendering": {"surfaceId": "m"}}'},
    ]
    for wrong in wrongs:
        with pytest.raises(RpcError, match="Invalid A2UI JSONL:") as caught:
            await invoke(operator, board, "canvas.a2ui.push", params=wrong)
        assert caught.value.code == "INVALID_REQUEST"
    assert board.pushes == pushes, "the node never saw them"
