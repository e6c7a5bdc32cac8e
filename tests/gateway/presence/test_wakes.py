"""Notes for agents are stored before they are acknowledged, and taken once (rows DC-6, S1.B-4)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.kernel.bus import Bus
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.presence import store
from gateway.presence.model import HeartbeatsSwitched, NoteLeft
from gateway.presence.wakes import MAX_WAITING, Wakes
from protocol.errors import InvalidRequest, Overloaded
from protocol.nouns.presence import HeartbeatReport
from tests.support.clock import FakeClock


class World:
    """Notes on a real database."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.bus = Bus()
        self.clock = FakeClock()
        self.wakes = Wakes(db, self.bus, Hub("epoch"), self.clock)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    migrations = load_migrations("presence", "gateway.presence")
    db = await Database.open(tmp_path / "state.db", migrations, durable=False)
    made = World(db)
    await made.wakes.load()
    yield made
    await db.close()


async def test_a_note_is_on_disk_when_others_hear_of_it(world: World) -> None:
    heard: list[NoteLeft] = []
    world.bus.subscribe(NoteLeft, heard.append)
    assert await world.wakes.leave(" look ", "now", "d1", session_key="agent:main:main", agent_id="main")
    (note,) = await world.wakes.waiting()
    assert heard == [NoteLeft(note)]
    assert (note.text, note.mode, note.left_by, note.session_key, note.agent_id, note.left_ms) == (
        "look",
        "now",
        "d1",
        "agent:main:main",
        "main",
        world.clock.now_ms(),
    )


async def test_notes_wait_in_order_through_a_restart_and_are_taken_once(world: World) -> None:
    for text in ("first", "second", "third"):
        await world.wakes.leave(text, "next-heartbeat", "d1")
        await world.clock.advance(1)
    again = World(world.db)
    await again.wakes.load()
    notes = await again.wakes.waiting()
    assert [note.text for note in notes] == ["first", "second", "third"]
    assert await world.db.write(lambda tx: store.take_note(tx, notes[0].note_id))
    assert not await world.db.write(lambda tx: store.take_note(tx, notes[0].note_id))
    assert [note.text for note in await again.wakes.waiting(1)] == ["second"]


async def test_a_blank_note_is_none(world: World) -> None:
    assert not await world.wakes.leave("  \n", "now", "d1")
    assert await world.wakes.waiting() == []


async def test_an_unusable_address_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest, match="sessionKey"):
        await world.wakes.leave("x", "now", "d1", session_key="../etc/passwd")
    with pytest.raises(InvalidRequest, match="agentId"):
        await world.wakes.leave("x", "now", "d1", agent_id="a/b")


async def test_notes_nobody_reads_are_bounded(world: World) -> None:
    for _ in range(MAX_WAITING):
        await world.wakes.leave("x", "now", "d1")
    with pytest.raises(Overloaded):
        await world.wakes.leave("x", "now", "d1")


async def test_the_heartbeat_switch_and_report_survive_a_restart(world: World) -> None:
    heard: list[HeartbeatsSwitched] = []
    world.bus.subscribe(HeartbeatsSwitched, heard.append)
    assert (world.wakes.enabled, world.wakes.last) == (True, None)
    await world.wakes.switch(enabled=False)
    report = HeartbeatReport(ts=5, status="sent", preview="hello")
    await world.wakes.record(report)
    again = World(world.db)
    await again.wakes.load()
    assert (again.wakes.enabled, again.wakes.last) == (False, report)
    assert heard == [HeartbeatsSwitched(enabled=False)]
