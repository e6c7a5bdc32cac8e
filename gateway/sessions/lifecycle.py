"""How sessions begin, change, begin anew and end."""

from typing import Any, Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.rpc import idempotency
from gateway.kernel.store.db import Database, Tx
from gateway.sessions import groups, lookup, patch, store
from gateway.sessions.announce import Announcer
from gateway.sessions.keys import SessionKey, agent_of, is_main
from gateway.sessions.model import Seed, Session
from gateway.sessions.service import SessionIndex
from gateway.transcripts.model import Compaction
from gateway.transcripts.service import Transcripts
from protocol.errors import Conflict, InvalidRequest, NotFound, Unavailable
from protocol.ids import new_id
from protocol.methods.sessions_changes import SessionsDelete, SessionsPatch
from protocol.nouns.session import Actor, ForkSource

FRESH_LIFE: Final[dict[str, Any]] = {
    "title": None,
    "preview": None,
    "fork": None,
    "status": None,
    "active_runs": (),
    "last_run_id": None,
    "run_started_ms": None,
    "run_ended_ms": None,
    "last_run_error": None,
    "aborted_last_run": None,
    "system_sent": False,
    "input_tokens": None,
    "output_tokens": None,
    "total_tokens": None,
    "cost_usd": None,
    "archived_ms": None,
    "archive_reason": None,
    "archived_by": None,
}
"""What a reset clears; names, choices, pins and groups belong to the key and stay."""


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is asked for."""

    key: SessionKey
    seed: Seed
    fork_of: SessionKey | None = None
    actor: str
    idempotency_key: str | None = None


class Sessions:
    """Changes of the index, each announced after its commit, together with what they mean for transcripts."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        index: SessionIndex,
        transcripts: Transcripts,
        announcer: Announcer,
    ) -> None:
        self._db = db
        self._clock = clock
        self._index = index
        self._transcripts = transcripts
        self._announcer = announcer

    async def create(self, birth: Birth) -> Session:
        """The session, new or adopted.

        Raises:
            Conflict: another session of the agent has the label.
            NotFound: the session to fork does not exist.
        """
        now_ms = self._clock.now_ms()
        session_id = new_id()
        seed = birth.seed
        if birth.fork_of is not None:
            # The copy comes first: a crash in between leaves a transcript nobody names, not an empty fork.
            parent = await self._existing(birth.fork_of, "parentSessionKey")
            await self._transcripts.fork(parent.session_id, session_id)
            source = ForkSource(session_key=parent.key, session_id=parent.session_id)
            seed = msgspec.structs.replace(seed, fork=source, parent_session_id=parent.session_id)
        made = await self._db.write(lambda tx: _create(tx, birth, seed, session_id, now_ms))
        if made.session_id == session_id:
            await self._announcer.changed(made.key, "create")
        return made

    async def patch(self, key: SessionKey, call: SessionsPatch, actor: Actor | None) -> Session:
        """Change what is set for a session; it is created when only a name so far.

        Raises:
            Conflict: it is not the expected session, or the label is taken.
            InvalidRequest: the change is not possible.
            Unavailable: archiving, runs did not end in time.
        """
        patch.check_form(call)
        now_ms = self._clock.now_ms()
        before = await self._index.get(key)
        patch.check_expected(before, key, call.expected_session_id, call.expected_lifecycle_revision)
        if call.archived is True and before is not None:
            patch.check_archivable(before)
            await self._stop_runs(key, "archive")
        after = await self._db.write(lambda tx: self._patched(tx, key, call, actor, now_ms))
        if after != before:
            chosen = call.model is not msgspec.UNSET
            await self._announcer.changed(key, "patch", catalog_changed=True if chosen else None)
        return after

    async def reset(
        self, key: SessionKey, seed: Seed, *, expected_session_id: str | None, is_new: bool
    ) -> Session:
        """Begin the conversation anew under the same key.

        Raises:
            Conflict: it is not the expected session.
            Unavailable: runs did not end in time.
        """
        before = await self._index.get(key)
        patch.check_expected(before, key, expected_session_id, None)
        if before is not None:
            await self._stop_runs(key, "reset")
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> Session:
            current = store.find(tx, key)
            patch.check_expected(current, key, expected_session_id, None)
            if current is None:
                return store.insert(tx, key, seed, now_ms)
            return store.change(
                tx,
                current,
                **FRESH_LIFE,
                session_id=new_id(),
                lifecycle_revision=new_id(),
                previous_session_id=current.session_id,
                started_ms=now_ms,
                updated_ms=now_ms,
            )

        session = await self._db.write(unit)
        await self._announcer.changed(key, "new" if is_new else "reset")
        return session

    async def delete(self, key: SessionKey, call: SessionsDelete) -> tuple[bool, list[str]]:
        """Forget a session; whether there was one, and the names its transcript is kept under.

        Raises:
            Conflict: it is not the expected session.
            InvalidRequest: it is a main session, or not archived although that was demanded.
            Unavailable: runs did not end in time.
        """
        if is_main(key) or key == "global":
            raise InvalidRequest("key: a main session cannot be deleted; reset it instead", {"field": "key"})
        found = await self._index.get(key)
        if found is None:
            return False, []
        _check_deletable(found, call)
        await self._stop_runs(key, "delete")
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> Session | None:
            current = store.find(tx, key)
            if current is None:
                return None
            _check_deletable(current, call)
            store.remove(tx, key)
            if call.delete_transcript:
                store.add_erasure(tx, current.session_id, now_ms)
            return current

        deleted = await self._db.write(unit)
        if deleted is None:
            return False, []
        archived = await self._erase(deleted.session_id) if call.delete_transcript else []
        self._announcer.deleted(deleted)
        return True, archived

    async def compact(self, key: SessionKey, max_lines: int) -> Compaction | None:
        """Shorten what the agent sees; `None` when there is no such session.

        Raises:
            InvalidRequest: a run is active.
        """
        session = await self._index.get(key)
        if session is None:
            return None
        if session.active_runs:
            raise InvalidRequest(
                f"session {key} has an active run; retry after it finishes", {"field": "key"}
            )
        outcome = await self._transcripts.compact(session.session_id, max_lines)
        if outcome.compacted:
            await self._announcer.changed(key, "compact")
        return outcome

    async def turn_to(self, key: SessionKey, leaf_id: str | None, reason: str) -> None:
        """Continue a conversation after another entry; `None` is its very beginning.

        Raises:
            NotFound: there is no such session or entry.
            Unavailable: a run is active.
        """
        session = await self._existing(key, "sessionKey")
        if session.active_runs:
            busy = Unavailable(f"session {key} is working; try again when it has answered")
            busy.retryable = True
            raise busy
        await self._transcripts.switch(session.session_id, leaf_id)
        await self._announcer.changed(key, "rewind" if reason == "rewind" else "branch-switch")

    async def fork_before(self, birth: Birth, source: Session, leaf_id: str | None) -> Session:
        """A new session with what was said in another one up to an entry."""
        now_ms = self._clock.now_ms()
        session_id = new_id()
        if leaf_id is not None:
            await self._transcripts.fork(source.session_id, session_id, through_id=leaf_id)
        made = await self._db.write(lambda tx: _create(tx, birth, birth.seed, session_id, now_ms))
        await self._announcer.changed(made.key, "create")
        return made

    async def finish_erasures(self) -> None:
        """Hide the transcripts of sessions whose deletion a crash interrupted."""
        for session_id in await self._db.read(store.erasures):
            await self._erase(session_id)

    async def _erase(self, session_id: str) -> list[str]:
        archived = await self._transcripts.delete(session_id)
        await self._db.write(lambda tx: store.drop_erasure(tx, session_id))
        return archived

    async def _existing(self, key: SessionKey, field: str) -> Session:
        session = await self._index.get(key)
        if session is None:
            raise NotFound(f"{field}: there is no session {key}", {"field": field})
        return session

    async def _stop_runs(self, key: SessionKey, reason: str) -> None:
        if self._index.run_stopper is not None:
            await self._index.run_stopper.stop(key, reason)

    def _patched(
        self, tx: Tx, key: SessionKey, call: SessionsPatch, actor: Actor | None, now_ms: int
    ) -> Session:
        current = store.find(tx, key)
        patch.check_expected(current, key, call.expected_session_id, call.expected_lifecycle_revision)
        if current is None:
            current = store.insert(tx, key, Seed(created_via="operator", creator=actor), now_ms)
        if patch.is_stale_read_mark(call, current):
            return current
        expected_mode = call.expected_permission_mode
        if expected_mode is not msgspec.UNSET and expected_mode != current.overrides.permission_mode:
            raise patch.changed(key)
        if isinstance(call.label, str):
            _check_label(tx, current.agent_id, call.label, key)
        if isinstance(call.category, str):
            groups.register(tx, call.category)
        return store.change(tx, current, **patch.changes_of(call, current, now_ms, actor))


def _create(tx: Tx, birth: Birth, seed: Seed, session_id: str, now_ms: int) -> Session:
    token = birth.idempotency_key
    if token is not None:
        earlier = idempotency.find(tx, birth.actor, "sessions.create", token)
        if earlier is not None and (again := store.find(tx, SessionKey(earlier.decode()))) is not None:
            return again
    found = store.find(tx, birth.key)
    if found is None:
        if seed.label is not None:
            _check_label(tx, agent_of(birth.key), seed.label, birth.key)
        if seed.category is not None:
            groups.register(tx, seed.category)
        found = store.insert(tx, birth.key, seed, now_ms, session_id=session_id)
    if token is not None and idempotency.find(tx, birth.actor, "sessions.create", token) is None:
        idempotency.record(
            tx, birth.actor, "sessions.create", token, result=birth.key.encode(), now_ms=now_ms
        )
    return found


def _check_label(tx: Tx, agent_id: str | None, label: str, key: SessionKey) -> None:
    taken = lookup.by_label(tx, label, agent_id)
    if any(session.key != key for session in taken):
        raise Conflict(f'label: another session is called "{label}" already', {"field": "label"})


def _check_deletable(session: Session, call: SessionsDelete) -> None:
    if call.archived_only and session.archived_ms is None:
        raise InvalidRequest(
            f"key: session {session.key} is not archived; archive it first, then delete it", {"field": "key"}
        )
    patch.check_expected(session, session.key, call.expected_session_id, call.expected_lifecycle_revision)
    seen_ms = call.expected_session_updated_at
    if seen_ms is not None and seen_ms != session.updated_ms:
        raise patch.changed(session.key)
