"""What is kept of a session, and how a run leaves its marks."""

import sqlite3

import pytest

from gateway.sessions import store
from gateway.sessions.keys import canonical_key
from gateway.sessions.model import Delivery, RunUsage, Seed, Session
from gateway.sessions.store import Tx
from protocol.nouns.session import ForkSource, Identity
from tests.gateway.sessions.conftest import OWNER, House

ANN = Identity(type="profile", id="ann")


async def test_everything_about_a_session_survives_the_file(house: House) -> None:
    made = await house.make(
        "telegram:direct:42",
        label="Ann",
        delivery=Delivery(channel="telegram", to="42", account_id="bot"),
        fork=ForkSource(session_key="agent:main:main", session_id="s1", entry_id="e1"),
        spawn_depth=2,
    )
    changed = await house.set(
        "telegram:direct:42", aborted_last_run=True, cost_usd=0.25, participants=(ANN,), system_sent=True
    )
    found = await house.index.get(made.key)
    assert found == changed
    assert found is not None
    assert (found.agent_id, found.kind, found.classification) == ("main", "direct", "telegram")
    assert (found.aborted_last_run, found.system_sent, found.cost_usd) == (True, True, 0.25)
    assert found.owner is not None
    assert found.owner.actor == OWNER
    assert await house.index.get_by_id(made.session_id) == found
    assert await house.index.get_by_id("nobody") is None


async def test_ensuring_twice_makes_one_session(house: House) -> None:
    first = await house.index.ensure(canonical_key("main"), Seed(created_via="operator"))
    house.clock.jump(60)
    second = await house.index.ensure(canonical_key("main"), Seed(created_via="cron", label="other"))
    assert second == first


async def test_a_failed_unit_leaves_neither_session_nor_version(house: House) -> None:
    """DC-6: message, session and queued run are one transaction, or nothing."""
    before = await house.db.read(store.version)

    def unit(tx: Tx) -> None:
        session = store.ensure(tx, canonical_key("main"), Seed(created_via="operator"), 1)
        store.accept_run(tx, session, "run-1", 1, ANN)
        raise ValueError("the message was refused")

    with pytest.raises(ValueError, match="refused"):
        await house.db.write(unit)
    assert await house.index.get(canonical_key("main")) is None
    assert await house.db.read(store.version) == before


async def test_a_run_from_its_message_to_its_end(house: House) -> None:
    await house.make("main")

    async def step(change: str, at_ms: int, *args: object, **named: object) -> Session:
        def unit(tx: Tx) -> Session:
            session = store.find(tx, canonical_key("main"))
            assert session is not None
            stepped: Session = getattr(store, change)(tx, session, "run-1", at_ms, *args, **named)
            return stepped

        return await house.db.write(unit)

    accepted = await step("accept_run", 1_000, ANN)
    assert (accepted.status, accepted.active_runs, accepted.last_interaction_ms) == (
        "queued",
        ("run-1",),
        1_000,
    )
    assert accepted.participants == (ANN,)
    assert await step("accept_run", 1_000, ANN) == accepted
    started = await step("start_run", 2_000)
    assert (started.status, started.run_started_ms, started.aborted_last_run) == ("running", 2_000, False)
    active = await house.db.read(store.with_active_runs)
    assert [session.key for session in active] == ["agent:main:main"]
    usage = RunUsage(model="big-1", input_tokens=12, cost_usd=0.5)
    ended = await step("end_run", 5_000, "killed", error="stopped", usage=usage)
    assert (ended.status, ended.active_runs, ended.last_run_id) == ("killed", (), "run-1")
    assert (ended.aborted_last_run, ended.last_run_error, ended.last_activity_ms) == (True, "stopped", 5_000)
    assert (ended.input_tokens, ended.output_tokens, ended.cost_usd) == (12, None, 0.5)
    assert ended.unread
    assert await house.db.read(store.with_active_runs) == []
    again = await step("start_run", 6_000)
    assert (again.run_ended_ms, again.last_run_error) == (None, None)


async def test_the_first_words_of_a_person_become_the_title_and_the_last_of_anyone_the_preview(
    house: House,
) -> None:
    made = await house.make("main")

    def unit(tx: Tx) -> Session:
        session = store.said(tx, made, "Welcome!", 1, by_person=False)
        session = store.said(tx, session, "  what  is\n" + "very " * 50, 2, by_person=True)
        session = store.said(tx, session, "something else", 3, by_person=True)
        return store.said(tx, session, "An answer " + "x" * 300, 4, by_person=False)

    session = await house.db.write(unit)
    assert session.title is not None
    assert session.title.startswith("what is very very")
    assert len(session.title) <= store.TITLE_CHARS
    assert session.preview is not None
    assert session.preview.startswith("An answer xxx")
    assert len(session.preview) == store.PREVIEW_CHARS


async def test_every_committed_change_of_the_index_has_a_version_of_its_own(house: House) -> None:
    versions = [await house.db.read(store.version)]
    await house.make("main")
    versions.append(await house.db.read(store.version))
    await house.set("main", label="x")
    versions.append(await house.db.read(store.version))
    await house.set("main", label="x")
    assert await house.db.read(store.version) == versions[-1]
    await house.db.write(lambda tx: store.remove(tx, canonical_key("main")))
    versions.append(await house.db.read(store.version))
    assert versions == sorted(set(versions))


async def test_a_key_cannot_be_given_twice(house: House) -> None:
    await house.make("main")
    with pytest.raises(sqlite3.IntegrityError):
        await house.db.write(
            lambda tx: store.insert(tx, canonical_key("main"), Seed(created_via="operator"), 1)
        )


async def test_a_row_names_the_newest_children_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_CHILDREN", 3)
    parent = (await house.make("main")).key
    for n in range(5):
        await house.make(f"child-{n}", parent_key=parent)
    row = await house.index.row(parent)
    assert row is not None
    assert row.child_sessions == ["agent:main:child-4", "agent:main:child-3", "agent:main:child-2"]


def test_participants_are_kept_once_and_in_bounds() -> None:
    crowd: tuple[Identity, ...] = ()
    for n in range(200):
        crowd = store.joined(crowd, Identity(type="observation", id=f"{n % 100}"))
    assert len(crowd) == store.MAX_PARTICIPANTS
    assert len({identity.id for identity in crowd}) == store.MAX_PARTICIPANTS
