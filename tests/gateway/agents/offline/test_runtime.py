"""The embedded assistant streams like a model, through the same tools (issue: offline runtime)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.agents.memory_tools import add_memory_tools
from gateway.agents.model import (
    AgentProfile,
    Finished,
    ModelSelected,
    NoSteering,
    TextDelta,
    ToolFinished,
    ToolStarted,
    Turn,
    TurnEvent,
)
from gateway.agents.offline.runtime import MAX_PIECES, PAUSE_S, OfflineRuntime, pieces
from gateway.agents.tools import ToolRegistry
from gateway.kernel.clock import SystemClock
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.memory.service import MemoryService
from protocol.scopes import Scope
from tests.support.turns import profile_of, text_of, turn_of


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[ToolRegistry]:
    database = await Database.open(tmp_path / "memory.db", load_migrations("memory", "gateway.memory"))
    registry = ToolRegistry()
    add_memory_tools(registry, MemoryService(database, SystemClock()))
    yield registry
    await database.close()


async def answer(tools: ToolRegistry, turn: Turn, profile: AgentProfile | None = None) -> list[TurnEvent]:
    runtime = OfflineRuntime(profile or profile_of(), tools, SystemClock())
    return [event async for event in runtime.run(turn, NoSteering())]


async def test_a_turn_selects_a_model_streams_text_and_finishes_once(tools: ToolRegistry) -> None:
    events = await answer(tools, turn_of("help"))
    assert events[0] == ModelSelected("homarus", "offline")
    assert events[-1] == Finished("stop")
    deltas = [event for event in events if isinstance(event, TextDelta)]
    assert len(deltas) > 10
    assert all(delta.text for delta in deltas)
    assert text_of(events).startswith("I am the offline assistant of this gateway.")


async def test_remembering_and_recalling_go_through_tools(tools: ToolRegistry) -> None:
    kept = await answer(tools, turn_of("remember that the spare key is at Anna's"))
    started = next(event for event in kept if isinstance(event, ToolStarted))
    finished = next(event for event in kept if isinstance(event, ToolFinished))
    assert (started.name, started.args) == ("remember", {"text": "the spare key is at Anna's"})
    assert started.title == "Remember: the spare key is at Anna's"
    assert finished.call_id == started.call_id
    assert finished.is_error is False
    assert (
        kept.index(started)
        < kept.index(finished)
        < kept.index(next(e for e in kept if isinstance(e, TextDelta)))
    )
    assert "I will remember: “the spare key is at Anna's” (number 1)." in text_of(kept)
    assert "the spare key is at Anna's (number 1)" in text_of(
        await answer(tools, turn_of("where is the spare key?"))
    )
    assert text_of(await answer(tools, turn_of("forget #1"))).startswith("Forgotten: ")
    assert "I have nothing about" in text_of(await answer(tools, turn_of("what do you know about the key")))


async def test_a_tool_acts_with_the_rights_of_the_person(tools: ToolRegistry) -> None:
    """Bad input: somebody who may only read cannot write through the assistant."""
    events = await answer(tools, turn_of("remember that I was here", scopes=(Scope.READ,)))
    finished = next(event for event in events if isinstance(event, ToolFinished))
    assert finished.is_error is True
    assert "lacks operator.write" in text_of(events)


async def test_an_agent_without_a_tool_says_so(tools: ToolRegistry) -> None:
    events = await answer(tools, turn_of("what do you remember"), profile_of(tools_allow=("time",)))
    assert "there is no tool 'recall'" in text_of(events)


async def test_messages_that_arrive_meanwhile_are_answered_in_the_same_turn(tools: ToolRegistry) -> None:
    class Later:
        def __init__(self) -> None:
            self.waiting = [("ping",), ()]

        async def next_messages(self) -> tuple[str, ...]:
            return self.waiting.pop(0)

    runtime = OfflineRuntime(profile_of(), tools, SystemClock())
    events = [event async for event in runtime.run(turn_of("hello"), Later())]
    assert text_of(events).startswith("Hello!")
    assert text_of(events).endswith("\n\npong")
    assert [event for event in events if isinstance(event, Finished)] == [Finished("stop")]


async def test_the_longest_answer_pauses_for_less_than_300_ms(tools: ToolRegistry) -> None:
    class Noting(SystemClock):
        paused_s = 0.0

        async def sleep(self, seconds: float) -> None:
            self.paused_s += seconds

    clock = Noting()
    runtime = OfflineRuntime(profile_of(), tools, clock)
    events = [event async for event in runtime.run(turn_of("help"), NoSteering())]
    assert len(text_of(events)) > 700
    assert 0.05 < clock.paused_s < 0.3
    assert MAX_PIECES * PAUSE_S < 0.3


@pytest.mark.parametrize("text", ["", "a", "word " * 3, "word " * 5000, "x" * 5000, "\n\n a \n"])
def test_pieces_give_the_text_back(text: str) -> None:
    cut = pieces(text)
    assert "".join(cut) == text
    assert len(cut) <= MAX_PIECES
    assert all(cut)
