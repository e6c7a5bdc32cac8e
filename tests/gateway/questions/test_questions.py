"""Questions over the running daemon: durable, answered once (wire set 4)."""

import asyncio
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.wire import RpcError, WireClient

ASKED: dict[str, Any] = {
    "questions": [
        {
            "questionId": "colour",
            "header": "Colour",
            "question": "Which colour?",
            "options": [{"label": "red"}, {"label": "blue"}],
        }
    ]
}


async def operator(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


async def test_a_question_is_asked_answered_and_settled_once(shared_daemon: Daemon) -> None:
    async with await operator(shared_daemon) as asking, await operator(shared_daemon) as person:
        assert (await person.call("question.list", {}))["questions"] == []
        await asking.call("question.request", {**ASKED, "id": "q-1"})
        assert (await person.wait_event("question.requested"))["payload"]["id"] == "q-1"
        waiting = asyncio.gather(asking.call("question.waitAnswer", {"id": "q-1"}))
        answer = {"answers": {"colour": ["red"]}}
        settled = await person.call("question.resolve", {"id": "q-1", "answers": answer})
        assert settled == {"status": "answered", "answers": answer}
        assert (await waiting)[0] == settled
        with pytest.raises(RpcError, match="settled already"):
            await person.call("question.resolve", {"id": "q-1", "cancel": True})
        assert (await person.call("question.list", {}))["questions"] == []


async def test_a_pending_question_survives_a_kill(daemon: Daemon) -> None:
    async with await operator(daemon) as client:
        await client.call("question.request", {**ASKED, "id": "q-2"})
    daemon.kill()
    daemon.launch()
    async with await operator(daemon) as client:
        assert [row["id"] for row in (await client.call("question.list", {}))["questions"]] == ["q-2"]
        await client.call("question.resolve", {"id": "q-2", "cancel": True})
        assert (await client.call("question.get", {"id": "q-2"}))["question"]["status"] == "cancelled"


async def test_an_unanswered_question_expires(shared_daemon: Daemon) -> None:
    async with await operator(shared_daemon) as client:
        await client.call("question.request", {**ASKED, "id": "q-3", "timeoutMs": 40})
        assert await client.call("question.waitAnswer", {"id": "q-3"}) == {"status": "expired"}


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("question.request", {"questions": []}, "/questions"),
        ("question.request", {**ASKED, "id": "a/b"}, "id"),
        ("question.get", {"id": "nope"}, "no question nope"),
        ("question.resolve", {"id": "nope"}, "no question nope"),
    ],
)
async def test_bad_requests_name_the_field(
    shared_daemon: Daemon, method: str, params: dict[str, Any], words: str
) -> None:
    async with await operator(shared_daemon) as client:
        with pytest.raises(RpcError, match=words) as refused:
            await client.call(method, params)
        assert refused.value.code == "INVALID_REQUEST"
