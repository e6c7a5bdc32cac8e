"""How sessions begin, change, begin anew and end."""

from typing import Any

import pytest
from msgspec import UNSET

from gateway.sessions import patch, store
from gateway.sessions.keys import canonical_key
from gateway.sessions.lifecycle import Birth
from gateway.sessions.model import Overrides, Seed, Session
from gateway.transcripts.model import NewEntry
from protocol.errors import Conflict, GatewayError, InvalidRequest, NotFound, Unavailable
from protocol.methods.sessions_changes import SessionPatch, SessionsDelete, SessionsPatch
from protocol.scopes import Scope
from tests.gateway.sessions.conftest import OWNER, House

MAIN = canonical_key("main")


def birth(name: str, *, fork_of: str | None = None, token: str | None = None, **seed: Any) -> Birth:
    return Birth(
        key=canonical_key(name),
        seed=Seed(created_via="operator", creator=OWNER, **seed),
        fork_of=None if fork_of is None else canonical_key(fork_of),
        actor="device-1",
        idempotency_key=token,
    )


async def patched(house: House, name: str, **fields: Any) -> Session:
    key = canonical_key(name)
    return await house.sessions.patch(key, SessionsPatch(key=key, **fields), OWNER)


async def say(house: House, session: Session, *texts: str) -> None:
    entries = [NewEntry(message={"role": "user", "content": text}) for text in texts]
    await house.transcripts.append(session.session_id, entries)


async def test_creating_adopts_what_is_there(house: House) -> None:
    first = await house.sessions.create(birth("plans", label="Plans"))
    second = await house.sessions.create(birth("plans", label="Other"))
    assert second == first
    assert (first.label, first.created_via) == ("Plans", "operator")


async def test_the_same_token_gives_the_same_session_whatever_key_it_would_get_now(house: House) -> None:
    first = await house.sessions.create(birth("dashboard:1", token="t1"))
    again = await house.sessions.create(birth("dashboard:2", token="t1"))
    assert again.key == first.key
    assert await house.index.get(canonical_key("dashboard:2")) is None
    assert (await house.sessions.create(birth("dashboard:3", token="t2"))).key.endswith(":3")


async def test_a_label_is_unique_within_its_agent(house: House) -> None:
    await house.sessions.create(birth("a", label="Plans"))
    with pytest.raises(Conflict, match='label: another session is called "Plans"'):
        await house.sessions.create(birth("b", label="Plans"))
    assert await house.index.get(canonical_key("b")) is None
    await house.sessions.create(birth("agent:cook:a", label="Plans"))
    await house.make("c")
    with pytest.raises(Conflict, match="label"):
        await patched(house, "c", label="Plans")
    assert (await patched(house, "a", label="Plans")).label == "Plans"


async def test_a_fork_begins_with_what_its_parent_said(house: House) -> None:
    parent = await house.make("main")
    await say(house, parent, "one", "two")
    made = await house.sessions.create(birth("copy", fork_of="main", parent_key=MAIN))
    assert made.fork is not None
    assert (made.fork.session_key, made.fork.session_id) == (MAIN, parent.session_id)
    assert made.parent_session_id == parent.session_id
    assert (await house.transcripts.history(made.session_id)).total == 2
    with pytest.raises(NotFound, match="parentSessionKey"):
        await house.sessions.create(birth("orphan", fork_of="nowhere"))


async def test_a_patch_sets_clears_and_leaves_alone(house: House) -> None:
    await house.make("a", label="Old")
    session = await patched(house, "a", label="New", pinned=True, verbose_level="on", response_usage="tokens")
    assert (session.label, session.overrides.verbose_level) == ("New", "on")
    assert session.pinned_ms == house.clock.now_ms()
    session = await patched(house, "a", verbose_level=None, pinned=False)
    assert (session.overrides.verbose_level, session.pinned_ms) == (None, None)
    assert (session.label, session.overrides.response_usage) == ("New", "tokens")
    assert (await patched(house, "a", label=None)).label is None


async def test_a_patch_of_a_name_makes_the_session(house: House) -> None:
    session = await patched(house, "fresh", thinking_level="high")
    assert session.overrides == Overrides(thinking_level="high")
    assert session.creator == OWNER


async def test_read_marks(house: House) -> None:
    await house.make("a")
    marked = await patched(house, "a", unread=True)
    assert (marked.unread, marked.marked_unread_ms) == (True, house.clock.now_ms())
    house.clock.jump(5)
    stale = await patched(house, "a", unread=False, expected_marked_unread_at=None)
    assert stale == marked
    read = await patched(house, "a", unread=False, expected_marked_unread_at=marked.marked_unread_ms)
    assert (read.unread, read.last_read_ms, read.marked_unread_ms) == (False, house.clock.now_ms(), None)
    with pytest.raises(InvalidRequest, match="expectedMarkedUnreadAt"):
        await patched(house, "a", unread=False, label="x", expected_marked_unread_at=None)


async def test_guards_refuse_another_life_of_the_session(house: House) -> None:
    session = await house.make("a")
    for guard in (
        {"expected_session_id": "another"},
        {"expected_lifecycle_revision": "another"},
        {"expected_permission_mode": "guarded"},
    ):
        with pytest.raises(Conflict) as refused:
            await patched(house, "a", label="x", **guard)
        assert refused.value.details == {"reason": "session-changed", "code": "CONFLICT"}
    with pytest.raises(Conflict):
        await patched(house, "nowhere", label="x", expected_session_id=session.session_id)
    assert await house.index.get(canonical_key("nowhere")) is None
    fine = await patched(
        house,
        "a",
        label="x",
        expected_session_id=session.session_id,
        expected_lifecycle_revision=session.lifecycle_revision,
        expected_permission_mode=None,
    )
    assert fine.label == "x"


async def test_archiving_stops_runs_first_and_needs_the_id_that_was_seen(house: House) -> None:
    session = await house.make("a")
    with pytest.raises(InvalidRequest, match="expectedSessionId"):
        await patched(house, "a", archived=True)
    archived = await patched(house, "a", archived=True, expected_session_id=session.session_id)
    assert house.turns.stopped == [(session.key, "archive")]
    assert (archived.archived_ms, archived.archive_reason) == (house.clock.now_ms(), "manual")
    assert archived.archived_by == OWNER
    restored = await patched(house, "a", archived=False, expected_session_id=session.session_id)
    assert (restored.archived_ms, restored.archive_reason, restored.archived_by) == (None, None, None)


async def test_a_run_that_does_not_end_leaves_the_session_unarchived(house: House) -> None:
    session = await house.make("a")
    house.turns.refusal = Unavailable("still working")
    with pytest.raises(Unavailable, match="still working"):
        await patched(house, "a", archived=True, expected_session_id=session.session_id)
    with pytest.raises(Unavailable):
        await house.sessions.delete(session.key, SessionsDelete(key="a"))
    with pytest.raises(Unavailable):
        await house.sessions.reset(
            session.key, Seed(created_via="operator"), expected_session_id=None, is_new=False
        )
    assert await house.index.get(session.key) == session


@pytest.mark.parametrize("name", ["main", "agent:cook:main", "global", "unknown"])
async def test_what_must_always_be_there_is_not_archived(house: House, name: str) -> None:
    session = await house.make(name)
    with pytest.raises(InvalidRequest, match="cannot be archived"):
        await patched(house, name, archived=True, expected_session_id=session.session_id)


async def test_a_reset_is_a_new_life_under_the_same_name(house: House) -> None:
    old = await house.make("main", label="Home", overrides=Overrides(verbose_level="on"))
    await say(house, old, "one")
    await house.set("main", title="one", status="done", input_tokens=5, pinned_ms=1)
    house.clock.jump(60)
    new = await house.sessions.reset(
        MAIN, Seed(created_via="operator"), expected_session_id=old.session_id, is_new=True
    )
    assert new.session_id != old.session_id
    assert new.lifecycle_revision != old.lifecycle_revision
    assert (new.previous_session_id, new.started_ms) == (old.session_id, house.clock.now_ms())
    assert (new.title, new.status, new.input_tokens) == (None, None, None)
    assert (new.label, new.pinned_ms, new.overrides.verbose_level) == ("Home", 1, "on")
    assert (await house.transcripts.history(new.session_id)).total == 0
    assert (await house.transcripts.history(old.session_id)).total == 1
    with pytest.raises(Conflict):
        await house.sessions.reset(
            MAIN, Seed(created_via="operator"), expected_session_id=old.session_id, is_new=True
        )


async def test_resetting_a_name_makes_the_session(house: House) -> None:
    made = await house.sessions.reset(
        MAIN, Seed(created_via="operator"), expected_session_id=None, is_new=False
    )
    assert made.previous_session_id is None


async def test_deleting_takes_the_transcript_along_unless_told_otherwise(house: House) -> None:
    gone, kept = await house.make("gone"), await house.make("kept")
    await say(house, gone, "a secret")
    await say(house, kept, "a recipe")
    deleted, archived = await house.sessions.delete(gone.key, SessionsDelete(key="gone"))
    assert deleted
    assert len(archived) == 1
    assert gone.session_id in archived[0]
    assert (await house.transcripts.history(gone.session_id)).total == 0
    assert await house.sessions.delete(kept.key, SessionsDelete(key="kept", delete_transcript=False)) == (
        True,
        [],
    )
    assert (await house.transcripts.history(kept.session_id)).total == 1
    assert await house.sessions.delete(gone.key, SessionsDelete(key="gone")) == (False, [])


async def test_deleting_is_guarded(house: House) -> None:
    session = await house.make("a")
    for call, error in (
        (SessionsDelete(key="a", archived_only=True), "is not archived"),
        (SessionsDelete(key="a", expected_session_id="another"), "changed meanwhile"),
        (SessionsDelete(key="a", expected_session_updated_at=1), "changed meanwhile"),
    ):
        with pytest.raises(InvalidRequest, match=error):
            await house.sessions.delete(session.key, call)
    for name in ("main", "global"):
        with pytest.raises(InvalidRequest, match="main session"):
            await house.sessions.delete(canonical_key(name), SessionsDelete(key=name))
    assert await house.index.get(session.key) == session


async def test_a_deletion_that_a_crash_interrupted_is_finished_at_the_next_start(house: House) -> None:
    session = await house.make("a")
    await say(house, session, "a secret")

    def crash(tx: store.Tx) -> None:
        store.remove(tx, session.key)
        store.add_erasure(tx, session.session_id, 1)

    await house.db.write(crash)
    assert (await house.transcripts.history(session.session_id)).total == 1
    await house.sessions.finish_erasures()
    assert (await house.transcripts.history(session.session_id)).total == 0
    assert await house.db.read(store.erasures) == []


async def test_compacting_waits_for_nobody(house: House) -> None:
    session = await house.make("main")
    await say(house, session, "one", "two", "three")
    assert await house.sessions.compact(canonical_key("nowhere"), 2) is None
    await house.set("main", active_runs=("r",))
    with pytest.raises(InvalidRequest, match="active run"):
        await house.sessions.compact(MAIN, 2)
    await house.set("main", active_runs=())
    outcome = await house.sessions.compact(MAIN, 2)
    assert outcome is not None
    assert (outcome.compacted, outcome.kept) == (True, 2)


async def test_turning_to_another_branch_needs_a_quiet_session(house: House) -> None:
    session = await house.make("main")
    await say(house, session, "one", "two")
    page = await house.transcripts.history(session.session_id)
    with pytest.raises(NotFound, match="entryId"):
        await house.sessions.turn_to(MAIN, "nowhere", "switch")
    with pytest.raises(NotFound, match="sessionKey"):
        await house.sessions.turn_to(canonical_key("nowhere"), page.leaf_id, "switch")
    await house.set("main", active_runs=("r",))
    with pytest.raises(Unavailable) as busy:
        await house.sessions.turn_to(MAIN, None, "rewind")
    assert busy.value.retryable
    await house.set("main", active_runs=())
    await house.sessions.turn_to(MAIN, None, "rewind")
    assert (await house.transcripts.history(session.session_id)).messages == []


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({"label": "x", "pinned": True, "archived": False, "unread": True}, Scope.WRITE),
        (
            {"model": None, "thinking_level": "high", "fast_mode": "auto", "permission_mode": "guarded"},
            Scope.WRITE,
        ),
        ({"permission_mode": "full"}, Scope.ADMIN),
        ({"verbose_level": "on"}, Scope.ADMIN),
        ({"label": "x", "send_policy": "deny"}, Scope.ADMIN),
        ({}, Scope.WRITE),
    ],
)
def test_what_a_patch_needs(fields: dict[str, Any], scope: Scope) -> None:
    assert patch.required_scope(SessionsPatch(key="a", **fields)) is scope


def test_every_field_of_a_patch_changes_something() -> None:
    by_hand = {"label", "category", "pinned", "unread", "archived"}
    assert set(SessionPatch.__struct_fields__) == by_hand | set(Overrides.__struct_fields__)
    assert patch.given(SessionsPatch(key="a")) == {}
    assert SessionsPatch(key="a").label is UNSET


def test_errors_of_guards_are_conflicts() -> None:
    error: GatewayError = patch.changed("k")
    assert error.shape().code == "INVALID_REQUEST"
