"""Previews and search over index and transcripts."""

from typing import Any

import pytest

from gateway.sessions import store
from gateway.sessions.keys import canonical_key
from gateway.sessions.model import Session
from gateway.sessions.reading import SessionReader
from gateway.transcripts.model import NewEntry
from protocol.methods.sessions_reading import SearchScope, SessionsSearch
from tests.gateway.sessions.conftest import House


@pytest.fixture
def reader(house: House) -> SessionReader:
    return SessionReader(house.db, house.clock, house.index, house.transcripts)


async def talk(house: House, name: str, *lines: tuple[str, str]) -> Session:
    session = await house.make(name)
    entries = [NewEntry(message={"role": role, "content": text}) for role, text in lines]
    await house.transcripts.append(session.session_id, entries)
    return session


async def found(reader: SessionReader, query: str, **call: Any) -> list[str]:
    results = await reader.search(SessionsSearch(query=query, **call))
    return [hit.session_key.removeprefix("agent:main:") for hit in results.results]


async def test_previews_are_short_lines_of_each_session(house: House, reader: SessionReader) -> None:
    lines = (("user", "one\n two"), ("toolResult", "output " * 100), ("assistant", ""), ("assistant", "four"))
    await talk(house, "main", *lines)
    await house.make("silent")
    keys = [canonical_key(name) for name in ("main", "silent", "nowhere")]
    previews = (await reader.previews(keys, 12, 20)).previews
    assert [(preview.key, preview.status) for preview in previews] == [
        (keys[0], "ok"),
        (keys[1], "empty"),
        (keys[2], "missing"),
    ]
    assert [(item.role, item.text) for item in previews[0].items] == [
        ("user", "one two"),
        ("tool", "output output output"[:20].rstrip()),
        ("assistant", "four"),
    ]
    assert len((await reader.previews([keys[0]] * 70, 1, 20)).previews) == 64


async def test_search_finds_messages_of_sessions_that_are_there(house: House, reader: SessionReader) -> None:
    main = await talk(house, "main", ("user", "where is the harbour"), ("assistant", "by the sea"))
    gone = await talk(house, "gone", ("user", "another harbour"))
    await house.db.write(lambda tx: store.remove(tx, gone.key))
    results = await reader.search(SessionsSearch(query="harbour"))
    (hit,) = results.results
    assert (hit.session_key, hit.session_id, hit.role) == (main.key, main.session_id, "user")
    assert results.sessions is None
    assert results.truncated is None


async def test_search_keeps_to_its_scope(house: House, reader: SessionReader) -> None:
    for name in (
        "main",
        "cron:nightly",
        "subagent:1",
        "agent:cook:main",
        "agent:gone:main",
        "global",
        "unknown",
    ):
        await talk(house, name, ("user", "harbour"))
    old = await talk(house, "old", ("user", "harbour"))
    await house.set("old", archived_ms=1)
    everywhere = await found(reader, "harbour")
    assert len(everywhere) == 8
    inside = await found(reader, "harbour", scope=SearchScope())
    assert set(inside) == {"main", "cron:nightly", "subagent:1", "agent:cook:main", "agent:gone:main"}
    strict = SearchScope(configured_agents_only=True, exclude_cron=True, exclude_subagents=True)
    assert set(await found(reader, "harbour", scope=strict)) == {"main", "agent:cook:main"}
    assert await found(reader, "harbour", scope=SearchScope(archived=True)) == ["old"]
    assert set(await found(reader, "harbour", scope=SearchScope(include_global=True, agent_id="cook"))) == {
        "agent:cook:main"
    }
    assert await found(reader, "harbour", session_keys=["old", "nowhere"]) == ["old"]
    assert old.session_id


async def test_a_scoped_search_brings_the_rows_and_says_when_there_is_more(
    house: House, reader: SessionReader
) -> None:
    await talk(house, "main", *[("user", f"harbour {n}") for n in range(5)])
    results = await reader.search(SessionsSearch(query="harbour", limit=3, scope=SearchScope()))
    assert len(results.results) == 3
    assert results.truncated is True
    assert [row.key for row in results.sessions or []] == ["agent:main:main"]
