"""SQL of the audit log."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from gateway.kernel.audit.chain import EMPTY, Entry, Head
from gateway.kernel.store.connection import Tx

_COLUMNS: Final = "seq, ts_ms, action, actor, subject, outcome, details, prev_hash, hash"

ACTIVITY: Final = ("agent.run.started", "agent.run.finished", "tool.action.started", "tool.action.finished")
"""What agents did; the index `audit_activity` holds exactly these."""

_IS_ACTIVITY: Final = f"action IN ({', '.join(repr(action) for action in ACTIVITY)})"


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to list; `None` means any."""

    action: str | None = None
    """The whole name, or with `.*` at its end every action below it."""
    actor: str | None = None
    subject: str | None = None
    outcome: str | None = None
    since_ms: int | None = None
    before_ms: int | None = None
    details: tuple[tuple[str, str], ...] = ()
    """Members of `details` and the text each must have."""
    activity: bool = False
    """Only what agents did."""


def append(tx: Tx, entries: Iterable[Entry]) -> None:
    """Add entries. One that is there already, from a commit whose caller was cancelled, is left as it is."""
    tx.executemany(
        f"INSERT OR IGNORE INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - fixed
        [
            (
                entry.seq,
                entry.ts_ms,
                entry.action,
                entry.actor,
                entry.subject,
                entry.outcome,
                entry.details,
                entry.prev_hash,
                entry.hash,
            )
            for entry in entries
        ],
    )


def head(tx: Tx) -> Head:
    """The last entry there is."""
    row = tx.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return EMPTY if row is None else Head(*row)


def following(tx: Tx, after_seq: int, limit: int) -> list[Entry]:
    """Entries after `after_seq`, oldest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608 - fixed
        (after_seq, limit),
    )
    return [_entry(row) for row in rows]


def page(tx: Tx, wanted: Filter, after_seq: int | None, limit: int, *, oldest_first: bool) -> list[Entry]:
    """Entries that match, beyond `after_seq` in the direction asked for."""
    where, values = _conditions(wanted)
    if after_seq is not None:
        where.append("seq > ?" if oldest_first else "seq < ?")
        values.append(after_seq)
    condition = " AND ".join(where) or "TRUE"
    order = "ASC" if oldest_first else "DESC"
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE {condition} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - fixed
        (*values, limit),
    )
    return [_entry(row) for row in rows]


def _conditions(wanted: Filter) -> tuple[list[str], list[object]]:
    where: list[str] = [_IS_ACTIVITY] if wanted.activity else []
    values: list[object] = []
    family = wanted.action is not None and wanted.action.endswith(".*")
    tests: Sequence[tuple[str, object | None]] = (
        ("action = ?", None if family else wanted.action),
        ("actor = ?", wanted.actor),
        ("subject = ?", wanted.subject),
        ("outcome = ?", wanted.outcome),
        ("ts_ms >= ?", wanted.since_ms),
        ("ts_ms < ?", wanted.before_ms),
    )
    for condition, value in tests:
        if value is not None:
            where.append(condition)
            values.append(value)
    if family and wanted.action is not None:
        prefix = wanted.action[:-1]
        where.append("substr(action, 1, ?) = ?")
        values += [len(prefix), prefix]
    for name, text in wanted.details:
        # Guarded, because whoever meddles with the file may leave something that is no JSON.
        where.append("CASE WHEN json_valid(details) THEN json_extract(details, ?) END = ?")
        values += [f"$.{name}", text]
    return where, values


def _entry(row: tuple[Any, ...]) -> Entry:
    seq, ts_ms, action, actor, subject, outcome, details, prev_hash, digest = row
    return Entry(
        seq=seq,
        ts_ms=ts_ms,
        action=action,
        actor=actor,
        subject=subject,
        outcome=outcome,
        details=details,
        prev_hash=prev_hash,
        hash=digest,
    )
