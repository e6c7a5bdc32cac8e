"""From `state.db` into the transcript: in order, together, once."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from gateway.agents.model import Steering, TextDelta, ToolStarted, Turn, TurnEvent
from gateway.sessions.keys import SessionKey
from gateway.transcripts.model import NewEntry, StoredMessage
from protocol.errors import InvalidRequest
from tests.gateway.chat.house import opened
from tests.gateway.chat.scripts import with_tool

KEY = SessionKey("agent:main:main")


def entry(text: str) -> NewEntry:
    """A message with its text as idempotency key."""
    return NewEntry(
        message={"role": "assistant", "content": text, "timestamp": 1}, idempotency_key=text, run_id="r"
    )


async def hanging_tool(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Begins a tool that never ends."""
    yield TextDelta("Let me look.")
    yield ToolStarted("c1", "exec", "Exec", {"command": "sleep"})
    await asyncio.sleep(60)


class TestCommits:
    """How often the disk is asked."""

    async def test_a_quick_turn_with_a_tool_takes_two_commits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(tmp_path) as house:
            append = house.parts.transcripts.append
            sizes: list[int] = []

            async def counting(session_id: str, entries: Sequence[NewEntry]) -> list[StoredMessage]:
                sizes.append(len(entries))
                return await append(session_id, entries)

            monkeypatch.setattr(house.parts.transcripts, "append", counting)
            house.agents.script = with_tool
            await house.send("look", "k1")
            await house.watcher.ended("k1")
            assert sizes == [1, 3]

    async def test_a_long_tool_is_in_the_transcript_while_it_runs(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = hanging_tool
            await house.send("look", "k1")
            await house.watcher.until(lambda: len(house.watcher.of("session.message")) == 2)
            assert (await house.said())[-1] == ("assistant", "Let me look.\n<toolCall>")


class TestOrder:
    """One after the other."""

    async def test_entries_keep_their_order_whatever_way_they_take(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            outbox = house.room.outbox
            for number in range(100):
                outbox.later(KEY, "s1" if number < 50 else "s2", entry(str(number)))
            await asyncio.gather(*(outbox.flush(KEY) for _ in range(3)))
            for session_id, wanted in (("s1", range(50)), ("s2", range(50, 100))):
                page = await house.parts.transcripts.history(session_id)
                stored = [json.loads(bytes(message))["content"] for message in page.messages]
                assert stored == [str(number) for number in wanted]
            assert outbox.sessions == ()

    async def test_what_does_not_fit_holds_nothing_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(tmp_path) as house:
            append = house.parts.transcripts.append

            async def picky(session_id: str, entries: Sequence[NewEntry]) -> list[StoredMessage]:
                if any(new.idempotency_key == "bad" for new in entries):
                    raise InvalidRequest("message: too large")
                return await append(session_id, entries)

            monkeypatch.setattr(house.parts.transcripts, "append", picky)
            for text in ("a", "bad", "b"):
                house.room.outbox.later(KEY, "s1", entry(text))
            await house.room.outbox.flush(KEY)
            assert (await house.parts.transcripts.history("s1")).total == 2
