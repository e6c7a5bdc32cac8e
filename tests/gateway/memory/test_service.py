"""Sentences are kept once, found by their words and forgotten for good (row DC-6)."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.memory import store
from gateway.memory.model import MAX_TEXT_CHARS, MemoryFull
from gateway.memory.service import MemoryService
from protocol.errors import InvalidRequest, NotFound
from tests.support.clock import FakeClock

MIGRATIONS = load_migrations("memory", "gateway.memory")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def memory(path: Path, clock: FakeClock) -> AsyncIterator[MemoryService]:
    database = await Database.open(path, MIGRATIONS)
    yield MemoryService(database, clock)
    await database.close()


async def texts(memory: MemoryService, query: str, agent_id: str = "main") -> list[str]:
    return [hit.memory.text for hit in await memory.recall(agent_id, query)]


async def test_what_was_kept_is_found_by_any_form_of_its_words(memory: MemoryService) -> None:
    await memory.remember("main", "Anna's plants need water on Mondays", session_key="agent:main:main")
    await memory.remember("main", "The café closes at six")
    assert await texts(memory, "plant") == ["Anna's plants need water on Mondays"]
    assert await texts(memory, "when does the cafe close?") == ["The café closes at six"]
    assert await texts(memory, "anna WATER") == ["Anna's plants need water on Mondays"]
    assert await texts(memory, "bicycle") == []


async def test_a_question_prefers_the_memory_with_all_its_words(memory: MemoryService) -> None:
    await memory.remember("main", "The bicycle key hangs in the hall")
    await memory.remember("main", "The car key is in the drawer")
    assert (await texts(memory, "car key"))[0] == "The car key is in the drawer"
    assert len(await texts(memory, "key")) == 2


async def test_the_words_of_a_question_are_not_its_subject(memory: MemoryService) -> None:
    await memory.remember("main", "The spare key is at Anna's")
    await memory.remember("main", "What is the meaning of it all")
    assert await texts(memory, "where is the spare key?") == ["The spare key is at Anna's"]
    assert await texts(memory, "what is the") == ["What is the meaning of it all"]


async def test_the_same_sentence_is_kept_once_with_a_new_date(
    memory: MemoryService, clock: FakeClock
) -> None:
    first = await memory.remember("main", "Wi-Fi name is Reef")
    clock.move(60)
    again = await memory.remember("main", "wi-fi NAME is reef!")
    assert (first.new, again.new) == (True, False)
    assert again.memory.id == first.memory.id
    assert again.memory.updated_ms == first.memory.updated_ms + 60_000
    assert await memory.count("main") == 1
    assert await texts(memory, "reef") == ["wi-fi NAME is reef!"]


async def test_agents_do_not_see_each_others_memories(memory: MemoryService) -> None:
    await memory.remember("main", "the safe code is 1234")
    assert await texts(memory, "safe code", "ops") == []
    assert await memory.recent("ops") == []


async def test_forgetting_removes_it_from_the_search_too(memory: MemoryService, path: Path) -> None:
    kept = await memory.remember("main", "xylophone lesson on Friday")
    gone = await memory.forget("main", kept.memory.id)
    assert gone.text == "xylophone lesson on Friday"
    assert await texts(memory, "xylophone") == []
    with sqlite3.connect(path) as raw:
        raw.execute("INSERT INTO memories_fts (memories_fts) VALUES ('integrity-check')")
    with pytest.raises(NotFound, match=f"memory {kept.memory.id} not found"):
        await memory.forget("main", kept.memory.id)


async def test_one_agent_cannot_forget_for_another(memory: MemoryService) -> None:
    kept = await memory.remember("main", "mine")
    with pytest.raises(NotFound):
        await memory.forget("ops", kept.memory.id)
    assert await memory.count("main") == 1


async def test_removing_an_agent_removes_what_it_kept(memory: MemoryService) -> None:
    await memory.remember("ops", "one")
    await memory.remember("ops", "two")
    await memory.remember("main", "three")
    assert await memory.forget_agent("ops") == 2
    assert [item.text for item in await memory.recent("main")] == ["three"]


async def test_scripts_without_spaces_are_found_by_a_part(memory: MemoryService) -> None:
    await memory.remember("main", "家の鍵は台所にあります")
    assert await texts(memory, "台所") == ["家の鍵は台所にあります"]


@pytest.mark.parametrize("query", ['"', "*", "AND", 'a" OR "b', "()", "%", "_", "NEAR(", "\x00", "-", "a*b"])
async def test_a_query_is_words_and_never_syntax(memory: MemoryService, query: str) -> None:
    """Bad input: nothing a stranger types reaches the query language of the index."""
    await memory.remember("main", "plain words")
    assert await texts(memory, query) == []


@pytest.mark.parametrize("text", ["", "  \n", "?!…", "x" * (MAX_TEXT_CHARS + 1)])
async def test_nothing_and_too_much_are_refused(memory: MemoryService, text: str) -> None:
    with pytest.raises(InvalidRequest, match="text: "):
        await memory.remember("main", text)
    assert await memory.count("main") == 0


async def test_a_full_memory_says_so(memory: MemoryService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_PER_AGENT", 2)
    await memory.remember("main", "one")
    await memory.remember("main", "two")
    with pytest.raises(MemoryFull, match="forget some first"):
        await memory.remember("main", "three")
    assert (await memory.remember("main", "two")).new is False


async def test_it_is_still_there_after_a_restart(path: Path, clock: FakeClock) -> None:
    first = await Database.open(path, MIGRATIONS)
    await MemoryService(first, clock).remember("main", "survives")
    await first.close()
    second = await Database.open(path, MIGRATIONS)
    assert await texts(MemoryService(second, clock), "survive") == ["survives"]
    await second.close()
