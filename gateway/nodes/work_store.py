"""SQL of work for nodes."""

from typing import Any, Final

import msgspec

from gateway.kernel.store.db import Tx
from gateway.nodes.work_model import Route, WorkRow
from protocol.nouns.node import NodeFailure, WorkKind, WorkState

_COLUMNS: Final = WorkRow.__struct_fields__
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM node_work"  # noqa: S608 - our own column names
_LIGHT_COLUMNS: Final = ", ".join(
    f"NULL AS {name}" if name in {"params_json", "payload_json"} else name for name in _COLUMNS
)
_SELECT_LIGHT: Final = f"SELECT {_LIGHT_COLUMNS} FROM node_work"  # noqa: S608 - as above
"""Without the two long texts, of which a full list may hold 80 MB."""

_STORED: Final = _COLUMNS[1:]
_CHANGING: Final = (
    "node_id",
    "route",
    "state",
    "parked",
    "delivered_ms",
    "delivered_on",
    "deliveries",
    "ledger",
    "acknowledged_ms",
    "ended_ms",
    "payload_json",
    "error",
    "reason",
)
"""The rest stays as it was submitted. Without it, a light row of open work, which has no result, is safe to
save.
"""
_INSERT: Final = f"INSERT INTO node_work ({', '.join(_STORED)}) VALUES ({', '.join('?' * len(_STORED))})"  # noqa: S608
_UPDATE: Final = f"UPDATE node_work SET {' = ?, '.join(_CHANGING)} = ? WHERE seq = ?"  # noqa: S608
_OPEN: Final = "ended_ms IS NULL"


def insert(tx: Tx, row: WorkRow) -> WorkRow:
    """Add a row; returned with its place in the order."""
    seq = tx.execute(_INSERT, _values(row, _STORED)).lastrowid
    return msgspec.structs.replace(row, seq=seq or 0)


def save(tx: Tx, row: WorkRow) -> None:
    """Store a row after a step."""
    tx.execute(_UPDATE, (*_values(row, _CHANGING), row.seq))


def find(tx: Tx, work_id: str) -> WorkRow | None:
    """One row, whole."""
    row = tx.execute(f"{_SELECT} WHERE id = ?", (work_id,)).fetchone()
    return None if row is None else _row(row)


def owner(tx: Tx, work_id: str) -> str | None:
    """Which node has a piece of work."""
    row = tx.execute("SELECT node_id FROM node_work WHERE id = ?", (work_id,)).fetchone()
    return None if row is None else row[0]


def by_key(tx: Tx, actor: str, kind: WorkKind, key: str) -> WorkRow | None:
    """The newest row of a caller's key, whole."""
    row = tx.execute(
        f"{_SELECT} WHERE actor = ? AND kind = ? AND key = ? ORDER BY seq DESC LIMIT 1",
        (actor, kind, key),
    ).fetchone()
    return None if row is None else _row(row)


def open_of(tx: Tx, node_id: str | None) -> list[WorkRow]:
    """What has not ended of a node, or of no node yet, in order of submission; light."""
    rows = tx.execute(f"{_SELECT_LIGHT} WHERE node_id IS ? AND {_OPEN} ORDER BY seq", (node_id,))
    return [_row(row) for row in rows]


def everything_open(tx: Tx) -> list[WorkRow]:
    """What has not ended, light."""
    return [_row(row) for row in tx.execute(f"{_SELECT_LIGHT} WHERE {_OPEN} ORDER BY seq")]


def node_ids(tx: Tx) -> list[str]:
    """Every node there is."""
    return [row[0] for row in tx.execute("SELECT node_id FROM nodes")]


def foreground_keys(tx: Tx) -> list[tuple[str, str, str]]:
    """Actor, key and id of every action that waits for the foreground or was done, oldest first."""
    rows = tx.execute(
        "SELECT actor, key, id FROM node_work WHERE kind = 'foreground'"
        " AND state NOT IN ('expired', 'cancelled') ORDER BY seq"
    )
    return [(actor, key, work_id) for actor, key, work_id in rows]


def count_open(tx: Tx, node_id: str | None, kind: WorkKind) -> int:
    """How much waits."""
    row = tx.execute(
        "SELECT count(*) FROM node_work WHERE node_id IS ? AND kind = ? AND ended_ms IS NULL", (node_id, kind)
    ).fetchone()
    return int(row[0])


def expired(tx: Tx, now_ms: int) -> list[WorkRow]:
    """What should have ended by now, whole."""
    rows = tx.execute(f"{_SELECT} WHERE {_OPEN} AND expires_ms <= ? ORDER BY seq", (now_ms,))
    return [_row(row) for row in rows]


def next_expiry_ms(tx: Tx) -> int | None:
    """When the next one expires."""
    row = tx.execute("SELECT min(expires_ms) FROM node_work WHERE ended_ms IS NULL").fetchone()
    return row[0]


def page(
    tx: Tx, *, node_id: str | None, state: WorkState | None, before_seq: int | None, limit: int
) -> list[WorkRow]:
    """Rows newest first, light."""
    given = {"node_id = ?": node_id, "state = ?": state, "seq < ?": before_seq}
    used = {clause: value for clause, value in given.items() if value is not None}
    where = " AND ".join(used) or "TRUE"
    rows = tx.execute(f"{_SELECT_LIGHT} WHERE {where} ORDER BY seq DESC LIMIT ?", (*used.values(), limit))
    return [_row(row) for row in rows]


def reap(tx: Tx, ended_before_ms: int, keep: int) -> list[tuple[str, str, str]]:
    """Forget what ended before, and all but the newest `keep`; actor, key and id of each."""
    rows = tx.execute(
        "DELETE FROM node_work WHERE ended_ms < ? OR seq IN"
        " (SELECT seq FROM node_work WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT -1 OFFSET ?)"
        " RETURNING actor, key, id",
        (ended_before_ms, keep),
    ).fetchall()
    return [(actor, key, work_id) for actor, key, work_id in rows]


def _values(row: WorkRow, names: tuple[str, ...]) -> list[Any]:
    return [_column(getattr(row, name)) for name in names]


def _column(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return msgspec.json.encode(value).decode()
    return int(value) if isinstance(value, bool) else value


def _row(columns: tuple[Any, ...]) -> WorkRow:
    fields = dict(zip(_COLUMNS, columns, strict=True))
    for name, kind in (("route", Route), ("error", NodeFailure)):
        if fields[name] is not None:
            fields[name] = msgspec.json.decode(fields[name], type=kind)
    fields["parked"], fields["ledger"] = bool(fields["parked"]), bool(fields["ledger"])
    return WorkRow(**fields)
