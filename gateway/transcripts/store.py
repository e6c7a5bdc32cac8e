"""SQL of the transcripts. Every function runs inside one unit of `transcripts.db`."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.kernel.store.db import Tx
from gateway.transcripts.model import NewEntry, StoredMessage
from gateway.transcripts.text import META, words_of
from protocol.errors import JsonValue, NotFound
from protocol.ids import new_id
from protocol.nouns.message import TranscriptMessage

_COLUMNS: Final = (
    "id",
    "session_id",
    "seq",
    "raw_seq",
    "parent_id",
    "role",
    "run_id",
    "idempotency_key",
    "recorded_ms",
    "message",
)
"""What `_read` takes."""

_ENTRIES: Final = f"SELECT {', '.join(_COLUMNS)} FROM entries AS entry WHERE"  # noqa: S608 - our own columns

_STRAIGHT: Final = _ENTRIES + " session_id = :session AND seq <= :depth ORDER BY seq DESC"
"""A whole session newest first: its active branch while nothing was forked, when `seq` and `depth` agree."""

_WALK: Final = """
    WITH RECURSIVE branch (raw_seq, id, parent_id) AS (
        SELECT raw_seq, id, parent_id FROM entries WHERE session_id = :session AND id = :leaf
        UNION ALL
        SELECT parent.raw_seq, parent.id, parent.parent_id FROM branch
            JOIN entries AS parent ON parent.session_id = :session AND parent.id = branch.parent_id
        LIMIT :steps
    )
"""
"""`:steps` entries of a branch from any leaf; SQLite would walk all of it to answer for a few."""

_WALKED: Final = f"""{_WALK}
    SELECT {", ".join(f"entry.{name}" for name in _COLUMNS)}
        FROM branch JOIN entries AS entry ON entry.raw_seq = branch.raw_seq
"""  # noqa: S608 - our own columns

_LEFT_OUT: Final = _WALK + " SELECT id FROM branch LIMIT 1 OFFSET :steps - 1"  # noqa: S608 - as above

WALK_STEPS: Final = 256
"""Entries walked at once: a usual page, and a millisecond."""

_UNANSWERED: Final = """NOT EXISTS (
    SELECT 1 FROM entries AS answer WHERE answer.session_id = entry.session_id AND answer.parent_id = entry.id
)"""

_SEARCHED: Final = frozenset({"user", "assistant"})
"""Whose words are found by a search; output of tools would bury them."""

_encode = msgspec.json.Encoder().encode


class Head(msgspec.Struct, frozen=True):
    """A transcript as a whole."""

    session_id: str
    generation: str
    leaf_id: str | None
    last_seq: int
    entries: int
    stored_bytes: int
    forked: int
    deleted_ms: int | None


_HEAD: Final = f"SELECT {', '.join(Head.__struct_fields__)} FROM transcripts WHERE session_id = ?"  # noqa: S608 - our own columns


def head(tx: Tx, session_id: str) -> Head | None:
    """A session's transcript; `None` when nothing was ever said in it."""
    row = tx.execute(_HEAD, (session_id,)).fetchone()
    return None if row is None else Head(*row)


def opened(tx: Tx, session_id: str) -> Head:
    """A session's transcript, begun when there is none.

    Raises:
        NotFound: it was deleted.
    """
    found = head(tx, session_id)
    if found is None:
        found = Head(session_id, new_id(), None, 0, 0, 0, 0, None)
        tx.execute("INSERT INTO transcripts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(found))
    if found.deleted_ms is not None:
        raise NotFound("sessionId: this conversation was deleted", {"field": "sessionId"})
    return found


def append(tx: Tx, session_id: str, entry: NewEntry, now_ms: int) -> StoredMessage:
    """Store `entry`, or return the one stored under its idempotency key before.

    Raises:
        NotFound: the transcript was deleted, or the parent is not in it.
    """
    before = opened(tx, session_id)
    if entry.idempotency_key is not None:
        earlier = by_idempotency_key(tx, session_id, entry.idempotency_key)
        if earlier is not None:
            return msgspec.structs.replace(earlier, repeated=True)
    parent_id = before.leaf_id if entry.parent_id is msgspec.UNSET else entry.parent_id
    depth = 1 if parent_id is None else _depth(tx, session_id, parent_id) + 1
    stored = _stored(tx, before, entry, parent_id, now_ms)
    _insert(tx, stored, depth)
    if stored.role in _SEARCHED and (words := words_of(entry.message)):
        tx.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (stored.raw_seq, words))
    astray = parent_id != before.leaf_id
    generation = new_id() if astray else before.generation
    tx.execute(
        "UPDATE transcripts SET leaf_id = ?, last_seq = ?, entries = entries + 1,"
        " stored_bytes = stored_bytes + ?, forked = max(forked, ?), generation = ? WHERE session_id = ?",
        (stored.id, stored.seq, len(bytes(stored.message)), astray, generation, session_id),
    )
    return stored


def by_id(tx: Tx, session_id: str, entry_id: str) -> StoredMessage | None:
    """One entry of a session."""
    return _one(tx, "session_id = ? AND id = ?", (session_id, entry_id))


def by_idempotency_key(tx: Tx, session_id: str, key: str) -> StoredMessage | None:
    """The one entry stored under a key."""
    return _one(tx, "session_id = ? AND idempotency_key = ?", (session_id, key))


def since(tx: Tx, session_id: str, raw_seq: int, limit: int) -> list[StoredMessage]:
    """At most `limit` entries of a session that arrived after a position, in order of arrival."""
    rows = tx.execute(
        _ENTRIES + " session_id = ? AND raw_seq > ? ORDER BY raw_seq LIMIT ?", (session_id, raw_seq, limit)
    )
    return [_read(row) for row in rows]


def last_raw_seq(tx: Tx, session_id: str) -> int | None:
    """Position of the newest entry of a session, on whichever branch."""
    (last,) = tx.execute("SELECT max(raw_seq) FROM entries WHERE session_id = ?", (session_id,)).fetchone()
    return last


def branch(tx: Tx, of: Head, leaf_id: str | None, skip: int = 0) -> Iterator[StoredMessage]:
    """The entries from `leaf_id` back to the first, without the `skip` newest, read step by step."""
    if leaf_id is None:
        return
    if not of.forked:
        depth = _depth(tx, of.session_id, leaf_id) - skip
        for row in tx.execute(_STRAIGHT, {"session": of.session_id, "depth": depth}):
            yield _read(row)
        return
    at = _after_skipping(tx, of.session_id, leaf_id, skip)
    while at is not None:
        places = {"session": of.session_id, "leaf": at, "steps": WALK_STEPS}
        entries = [_read(row) for row in tx.execute(_WALKED, places)]
        yield from entries
        at = entries[-1].parent_id


def _after_skipping(tx: Tx, session_id: str, leaf_id: str, skip: int) -> str | None:
    row = tx.execute(_LEFT_OUT, {"session": session_id, "leaf": leaf_id, "steps": skip + 1}).fetchone()
    return None if row is None else row[0]


def depth_of(tx: Tx, session_id: str, entry_id: str | None) -> int:
    """How many entries lead to this one, itself included; 0 for none."""
    return 0 if entry_id is None else _depth(tx, session_id, entry_id)


def leaves(tx: Tx, session_id: str) -> list[StoredMessage]:
    """Entries nothing answers, newest first."""
    rows = tx.execute(f"{_ENTRIES} session_id = ? AND {_UNANSWERED} ORDER BY raw_seq DESC", (session_id,))
    return [_read(row) for row in rows]


def move_leaf(tx: Tx, session_id: str, leaf_id: str | None) -> None:
    """Let the next entry answer another one."""
    tx.execute(
        "UPDATE transcripts SET leaf_id = ?, forked = 1, generation = ? WHERE session_id = ?",
        (leaf_id, new_id(), session_id),
    )


def add_compaction(tx: Tx, session_id: str, first_kept_id: str, kept: int, now_ms: int) -> str:
    """Note that agents see the conversation only from `first_kept_id` on; returns the note's id."""
    compaction_id = new_id()
    tx.execute(
        "INSERT INTO compactions VALUES (?, ?, ?, ?, ?)",
        (session_id, compaction_id, first_kept_id, kept, now_ms),
    )
    tx.execute("UPDATE transcripts SET generation = ? WHERE session_id = ?", (new_id(), session_id))
    return compaction_id


def floors(tx: Tx, session_id: str) -> frozenset[str]:
    """First entries an agent sees after each compaction, on whichever branch."""
    rows = tx.execute("SELECT first_kept_id FROM compactions WHERE session_id = ?", (session_id,))
    return frozenset(first for (first,) in rows)


def _one(tx: Tx, where: str, values: tuple[str, ...]) -> StoredMessage | None:
    row = tx.execute(f"{_ENTRIES} {where}", values).fetchone()
    return None if row is None else _read(row)


def _read(row: tuple[Any, ...]) -> StoredMessage:
    (entry_id, session_id, seq, raw_seq, parent_id, role, run_id, key, recorded_ms, message) = row
    return StoredMessage(
        id=entry_id,
        session_id=session_id,
        seq=seq,
        raw_seq=raw_seq,
        parent_id=parent_id,
        role=role,
        run_id=run_id,
        idempotency_key=key,
        recorded_ms=recorded_ms,
        message=TranscriptMessage(message),
    )


def _depth(tx: Tx, session_id: str, entry_id: str) -> int:
    row = tx.execute(
        "SELECT depth FROM entries WHERE session_id = ? AND id = ?", (session_id, entry_id)
    ).fetchone()
    if row is None:
        raise NotFound("entryId: no such message in this conversation", {"field": "entryId"})
    return row[0]


def _stored(tx: Tx, before: Head, entry: NewEntry, parent_id: str | None, now_ms: int) -> StoredMessage:
    entry_id = entry.id or new_id()
    seq = before.last_seq + 1
    (source, raw_seq) = tx.execute(
        "UPDATE source SET last_raw_seq = last_raw_seq + 1 RETURNING source, last_raw_seq"
    ).fetchone()
    meta: dict[str, JsonValue] = {
        "id": entry_id,
        "recordTimestampMs": now_ms,
        "transcriptPosition": {"source": source, "rawSeq": raw_seq},
        "seq": seq,
    }
    if entry.run_id is not None:
        meta["runId"] = entry.run_id
    if entry.idempotency_key is not None:
        meta["idempotencyKey"] = entry.idempotency_key
    given = entry.message.get(META)
    message = {**entry.message, META: {**(given if isinstance(given, dict) else {}), **meta}}
    return StoredMessage(
        id=entry_id,
        session_id=before.session_id,
        seq=seq,
        raw_seq=raw_seq,
        parent_id=parent_id,
        role=str(entry.message.get("role", "system")),
        run_id=entry.run_id,
        idempotency_key=entry.idempotency_key,
        recorded_ms=now_ms,
        message=TranscriptMessage(_encode(message)),
    )


def _insert(tx: Tx, stored: StoredMessage, depth: int) -> None:
    tx.execute(
        "INSERT INTO entries (raw_seq, session_id, seq, id, parent_id, depth, role, run_id, idempotency_key,"
        " recorded_ms, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stored.raw_seq,
            stored.session_id,
            stored.seq,
            stored.id,
            stored.parent_id,
            depth,
            stored.role,
            stored.run_id,
            stored.idempotency_key,
            stored.recorded_ms,
            bytes(stored.message),
        ),
    )
