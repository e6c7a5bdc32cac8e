"""The ledger's SQL."""

import sqlite3
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from gateway.kernel.store.db import Tx
from gateway.tasks.model import Task
from protocol.nouns.task import TaskStatus

_COLUMNS: Final = Task.__struct_fields__
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM tasks"  # noqa: S608 - our own column names
_UPSERT: Final = (
    f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)

SortKey = Literal["created_ms", "updated_ms", "ended_ms"]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks to list; `None` and empty mean all."""

    statuses: tuple[TaskStatus, ...] = ()
    agent_id: str | None = None
    session_key: str | None = None
    sort: SortKey = "created_ms"
    after: tuple[int, str] | None = None
    """Sort value and id of the last row of the page before."""
    limit: int = 100


def put(tx: Tx, task: Task) -> None:
    """Insert or replace a task."""
    tx.execute(_UPSERT, [getattr(task, name) for name in _COLUMNS])


def get(tx: Tx, task_id: str) -> Task | None:
    """The task of that id."""
    return _task(tx.execute(f"{_SELECT} WHERE id = ?", (task_id,)).fetchone())


def by_run(tx: Tx, run_id: str) -> Task | None:
    """The task that stands for a run."""
    return _task(tx.execute(f"{_SELECT} WHERE run_id = ?", (run_id,)).fetchone())


def page(tx: Tx, wanted: Filter) -> list[Task]:
    """One page, newest first."""
    where: list[str] = [f"{wanted.sort} IS NOT NULL"]
    values: list[str | int] = []
    if wanted.statuses:
        where.append(f"status IN ({', '.join('?' * len(wanted.statuses))})")
        values.extend(wanted.statuses)
    for column, value in (("agent_id", wanted.agent_id), ("session_key", wanted.session_key)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if wanted.after is not None:
        where.append(f"({wanted.sort}, id) < (?, ?)")
        values.extend(wanted.after)
    values.append(wanted.limit)
    sql = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY {wanted.sort} DESC, id DESC LIMIT ?"
    return [_from_row(row) for row in tx.execute(sql, values)]


def prune(tx: Tx, ended_before_ms: int) -> int:
    """Forget tasks that ended before a moment; returns how many."""
    return tx.execute("DELETE FROM tasks WHERE ended_ms < ?", (ended_before_ms,)).rowcount


def _task(row: Sequence[object] | None) -> Task | None:
    return None if row is None else _from_row(row)


def _from_row(row: Sequence[object] | sqlite3.Row) -> Task:
    return msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), Task)
