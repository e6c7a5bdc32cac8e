"""Copies of a database in use."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.errors import StoreUnavailable
from tests.gateway.kernel.store.conftest import insert

BODY = b"x" * 4096


def contents(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        return [row[0] for row in conn.execute("SELECT id FROM item ORDER BY id")]


def beside(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir() if entry.name.startswith(path.stem))


def pair_of(item_id: int) -> tuple[int, int]:
    return item_id, -item_id


def insert_pair(item_id: int) -> Callable[[Tx], list[int]]:
    return lambda tx: [insert(n, BODY)(tx) for n in pair_of(item_id)]


async def test_backup_during_writes_is_consistent_and_hinders_no_writer(db: Database, tmp_path: Path) -> None:
    await db.write(lambda tx: [insert(n, BODY)(tx) for n in range(10_001, 14_001)])
    last = 5
    for k in range(1, last + 1):
        await db.write(insert_pair(k))
    stop = False

    async def keep_writing() -> None:
        nonlocal last
        while not stop:
            await db.write(insert_pair(last + 1))
            last += 1

    writer = asyncio.create_task(keep_writing())
    before = last
    target = tmp_path / "copy.db"
    await db.backup_to(target)
    during = last - before
    stop = True
    await writer

    pairs = [n for n in contents(target) if n <= 10_000]
    assert during > 0
    assert pairs == sorted(n for k in range(1, pairs[-1] + 1) for n in pair_of(k))
    assert pairs[-1] >= before
    assert target.stat().st_mode & 0o777 == 0o600
    assert beside(target) == ["copy.db"]


async def test_backup_replaces_an_older_one(db: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    await db.backup_to(target)
    await db.write(insert(1))
    await db.backup_to(target)
    assert contents(target) == [1]


async def test_backup_that_cannot_be_written_is_a_typed_error(db: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await db.backup_to(tmp_path / "missing" / "copy.db")
    assert await db.write(insert(1)) == 1


async def test_cancelled_backup_leaves_nothing(db: Database, tmp_path: Path) -> None:
    def fill(tx: Tx) -> None:
        for n in range(20_000):
            tx.execute("INSERT INTO item VALUES (?, ?)", (n, BODY))

    await db.write(fill)
    partial = tmp_path / "copy.db.partial"
    backup = asyncio.create_task(db.backup_to(tmp_path / "copy.db"))
    while not partial.exists():  # noqa: ASYNC110 - nothing tells of a new file
        await asyncio.sleep(0)
    backup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await backup
    assert not partial.exists()
    assert not (tmp_path / "copy.db").exists()
    assert await db.write(insert(-1)) == -1
