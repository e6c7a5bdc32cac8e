"""A key has one effect and one answer, also across a crash (row S0.3-6)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.kernel.rpc.idempotency import KEEP_MS, CallKey, IdempotentCalls, OutcomeUnknown, find
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from protocol.errors import InvalidRequest
from protocol.method import Done
from tests.support.clock import FakeClock
from tests.support.daemon import Daemon
from tests.support.wire import WireClient

KEY = CallKey("device-1", "message.action", "k1")


class Letter:
    """Outside work that counts how often it was done."""

    def __init__(self) -> None:
        self.sent = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def send(self) -> Done:
        self.sent += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Done(ok=True)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = await Database.open(tmp_path / "state.db", load_migrations("kernel", "gateway.kernel.rpc"))
    yield db
    await db.close()


async def test_a_repeat_gets_the_first_answer_also_after_a_restart(db: Database) -> None:
    letter, clock = Letter(), FakeClock()
    first = await IdempotentCalls(db, clock).once(KEY, letter.send, Done)
    again = await IdempotentCalls(db, clock).once(KEY, letter.send, Done)
    assert (first, again, letter.sent) == (Done(ok=True), Done(ok=True), 1)
    for other in (KEY._replace(actor="device-2"), KEY._replace(method="send"), KEY._replace(key="k2")):
        await IdempotentCalls(db, clock).once(other, letter.send)
    assert letter.sent == 4


async def test_a_repeat_that_comes_meanwhile_waits_for_the_same_answer(db: Database) -> None:
    letter, calls = Letter(), IdempotentCalls(db, FakeClock())
    letter.gate.clear()
    asked = [asyncio.create_task(calls.once(KEY, letter.send)) for _ in range(3)]
    async with asyncio.timeout(5):
        while letter.sent == 0:  # noqa: ASYNC110 - the letter is sent after a commit
            await asyncio.sleep(0.005)
    letter.gate.set()
    assert await asyncio.gather(*asked) == [{"ok": True}] * 3
    assert letter.sent == 1


async def test_a_refusal_leaves_the_key_unused(db: Database) -> None:
    letter, calls = Letter(), IdempotentCalls(db, FakeClock())
    letter.error = InvalidRequest("to: nobody lives there")
    with pytest.raises(InvalidRequest, match="nobody lives there"):
        await calls.once(KEY, letter.send)
    letter.error = None
    assert await calls.once(KEY, letter.send, Done) == Done(ok=True)


async def test_a_call_cut_short_is_not_begun_again(db: Database) -> None:
    letter, clock = Letter(), FakeClock()
    letter.gate.clear()
    cut_short = asyncio.create_task(IdempotentCalls(db, clock).once(KEY, letter.send))
    async with asyncio.timeout(5):
        while letter.sent == 0:  # noqa: ASYNC110 - the letter is sent after a commit
            await asyncio.sleep(0.005)
    cut_short.cancel()
    await asyncio.wait([cut_short])
    with pytest.raises(OutcomeUnknown, match="new idempotencyKey") as unknown:
        await IdempotentCalls(db, clock).once(KEY, letter.send)
    assert unknown.value.details["code"] == "OUTCOME_UNKNOWN"
    assert letter.sent == 1


async def test_answers_are_forgotten_after_a_week(db: Database) -> None:
    letter, clock = Letter(), FakeClock()
    calls = IdempotentCalls(db, clock)
    await calls.once(KEY, letter.send)
    clock.jump(KEEP_MS / 1000)
    await calls.reap()
    assert await db.read(lambda tx: find(tx, *KEY)) is not None
    clock.jump(1)
    await calls.reap()
    assert await db.read(lambda tx: find(tx, *KEY)) is None


async def test_a_tool_invoked_again_with_its_key_acts_once_across_a_kill(daemon: Daemon) -> None:
    call = {"name": "remember", "args": {"text": "The boat is called Nephrops"}, "idempotencyKey": "note-1"}
    answers: list[object] = []
    for _ in range(2):
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            await client.connect()
            answers.append(await client.call("tools.invoke", call))
        daemon.kill()
        await daemon.start()
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        fresh = await client.call("tools.invoke", {**call, "idempotencyKey": "note-2"})
    assert answers[0] == answers[1]
    assert fresh != answers[0], "a new key is a new intention; the tool answers that it knew this already"
