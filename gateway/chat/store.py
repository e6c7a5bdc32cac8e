"""SQL of runs and of the transcript outbox, for use inside a `state.db` unit of work."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from gateway.chat.model import Outcome, Run, RunRequest
from gateway.inbox import store as inbox
from gateway.kernel.store.db import Tx
from gateway.sessions.keys import SessionKey
from gateway.transcripts.model import NewEntry
from protocol.errors import Conflict, JsonValue

_COLUMNS: Final = Run.__struct_fields__
_NAMES: Final = ", ".join(_COLUMNS)
_SELECT: Final = f"SELECT {_NAMES} FROM runs"  # noqa: S608 - our own column names

_request = msgspec.json.Decoder(RunRequest).decode
_outcome = msgspec.json.Decoder(Outcome).decode


class OutboxRow(msgspec.Struct, frozen=True):
    """An entry on its way from `state.db` to the transcript."""

    id: int | None
    """None for an entry that was never in `state.db`."""
    session_key: SessionKey
    session_id: str
    entry: NewEntry


def add(tx: Tx, run: Run) -> None:
    """Insert a new run.

    Raises:
        Conflict: when another sender's request carries the same idempotency key.
    """
    holes = ", ".join("?" * len(_COLUMNS))
    cursor = tx.execute(
        f"INSERT INTO runs ({_NAMES}) VALUES ({holes}) ON CONFLICT DO NOTHING",  # noqa: S608
        [_encoded(name, getattr(run, name)) for name in _COLUMNS],
    )
    if cursor.rowcount == 0:
        raise Conflict(
            "idempotencyKey: another request has used this key; use a fresh one", {"field": "idempotencyKey"}
        )


def get(tx: Tx, run_id: str) -> Run | None:
    """One run."""
    row = tx.execute(f"{_SELECT} WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else _run(row)


def open_runs(tx: Tx) -> list[Run]:
    """Accepted and running runs in the order they came in."""
    return [
        _run(row)
        for row in tx.execute(f"{_SELECT} WHERE status IN ('accepted', 'running') ORDER BY inbox_id")
    ]


def start(tx: Tx, run_id: str, merged_into: str | None, now_ms: int) -> bool:
    """Accepted → running; False when the run is in another state."""
    cursor = tx.execute(
        "UPDATE runs SET status = 'running', started_ms = ?, merged_into = ?"
        " WHERE run_id = ? AND status = 'accepted'",
        (now_ms, merged_into, run_id),
    )
    return cursor.rowcount == 1


def end(tx: Tx, run_id: str, outcome: Outcome, now_ms: int) -> bool:
    """Accepted or running → an end; False when it had ended before."""
    cursor = tx.execute(
        "UPDATE runs SET status = ?, ended_ms = ?, outcome = ?"
        " WHERE run_id = ? AND status IN ('accepted', 'running')",
        (outcome.status, now_ms, msgspec.json.encode(outcome).decode(), run_id),
    )
    return cursor.rowcount == 1


def prune(tx: Tx, ended_before_ms: int, limit: int) -> int:
    """Forget up to `limit` runs that ended before a moment, and their inbox rows; returns how many."""
    old = tx.execute(
        "SELECT run_id, inbox_id FROM runs WHERE ended_ms < ? LIMIT ?", (ended_before_ms, limit)
    ).fetchall()
    tx.executemany("DELETE FROM runs WHERE run_id = ?", [(run_id,) for run_id, _ in old])
    inbox.forget(tx, [inbox_id for _, inbox_id in old])
    return len(old)


def post(tx: Tx, session_key: SessionKey, session_id: str, entry: NewEntry) -> OutboxRow:
    """Put an entry into the outbox."""
    cursor = tx.execute(
        "INSERT INTO transcript_outbox (session_key, session_id, entry) VALUES (?, ?, ?)",
        (session_key, session_id, _encode_entry(entry)),
    )
    if cursor.lastrowid is None:
        raise RuntimeError("SQLite gave no row id for an insert")
    return OutboxRow(cursor.lastrowid, session_key, session_id, entry)


def waiting(tx: Tx) -> list[OutboxRow]:
    """Everything in the outbox, in order."""
    rows = tx.execute("SELECT id, session_key, session_id, entry FROM transcript_outbox ORDER BY id")
    return [OutboxRow(row[0], SessionKey(row[1]), row[2], _decode_entry(row[3])) for row in rows]


def delivered(tx: Tx, row_ids: Sequence[int]) -> None:
    """Take entries that are in the transcript out of the outbox."""
    tx.executemany("DELETE FROM transcript_outbox WHERE id = ?", [(row_id,) for row_id in row_ids])


def _encode_entry(entry: NewEntry) -> str:
    return msgspec.json.encode((entry.message, entry.idempotency_key, entry.run_id)).decode()


def _decode_entry(text: str) -> NewEntry:
    # Our own JSON of the line above; a message is a tree of any depth, which no decoder type describes.
    message, key, run_id = cast(
        "tuple[dict[str, JsonValue], str | None, str | None]", msgspec.json.decode(text)
    )
    return NewEntry(message=message, idempotency_key=key, run_id=run_id)


def _encoded(name: str, value: object) -> object:
    if value is None or name not in {"request", "outcome"}:
        return value
    return msgspec.json.encode(value).decode()


def _run(row: Sequence[Any]) -> Run:
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    values["request"] = _request(values["request"])
    if values["outcome"] is not None:
        values["outcome"] = _outcome(values["outcome"])
    return Run(**values)
