"""Full, failing and locked disks: typed errors, nothing half-done, and recovery without a restart."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreIoError,
    StoreUnavailable,
    store_error,
)
from protocol.errors import Unavailable
from tests.gateway.kernel.store.conftest import ITEMS, Gate, ids, insert

LARGE = b"x" * 100_000


def set_pragma(tx: Tx, name: str, value: int) -> None:
    tx.execute(f"PRAGMA {name}={value}").close()


def stop_growth(tx: Tx) -> None:
    """Have SQLite report SQLITE_FULL for the next page, as on a full disk."""
    (pages,) = tx.execute("PRAGMA page_count").fetchone()
    set_pragma(tx, "max_page_count", pages)


async def test_full_disk_fails_what_does_not_fit_and_recovers_without_restart(db: Database) -> None:
    """S3.F-2: after space was freed the next write succeeds on the same connection."""
    await db.write(stop_growth)
    gate = Gate()
    blocker = asyncio.create_task(db.write(gate.unit))
    outcome = asyncio.gather(
        db.write(insert(1)), db.write(insert(2, LARGE)), db.write(insert(3)), return_exceptions=True
    )
    await asyncio.sleep(0)
    gate.open()
    first, full, last = await outcome
    await blocker
    assert (first, type(full), last) == (1, StoreFull, 3)
    assert await db.read(ids) == [1, 3]
    with pytest.raises(StoreFull):
        await db.write(insert(2, LARGE))
    await db.write(lambda tx: set_pragma(tx, "max_page_count", 1_000_000))
    assert await db.write(insert(2, LARGE)) == 2
    assert await db.read(ids) == [1, 2, 3]


async def test_full_disk_is_told_to_the_caller(db: Database) -> None:
    await db.write(stop_growth)
    with pytest.raises(StoreFull) as full:
        await db.write(insert(1, LARGE))
    error = full.value
    assert isinstance(error, Unavailable)
    assert (error.code, error.retryable, error.details) == ("UNAVAILABLE", True, {"code": "STORE_FULL"})
    assert error.message == "state.db cannot be written: the disk is full; free some space and try again"
    assert isinstance(error.__cause__, sqlite3.OperationalError)


def test_failed_commit_is_not_half_done_and_the_next_one_succeeds(tmp_path: Path) -> None:
    """A limit on file size makes the kernel refuse the log's growth in the middle of COMMIT."""
    script = Path(__file__).with_name("limited_writer.py")
    run = subprocess.run(
        [sys.executable, script, tmp_path / "state.db"], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.split() == ["refused", "StoreIoError", "x8", "kept", "0", "recovered", "8"]
    with closing(sqlite3.connect(tmp_path / "state.db")) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert conn.execute("SELECT count(*) FROM item").fetchone() == (8,)


async def test_foreign_lock_is_a_typed_error_for_every_waiting_unit(db: Database, tmp_path: Path) -> None:
    await db.write(lambda tx: set_pragma(tx, "busy_timeout", 20))
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        outcome = await asyncio.gather(*(db.write(insert(n)) for n in range(5)), return_exceptions=True)
        assert [type(result) for result in outcome] == [StoreBusy] * 5
        assert len({id(result) for result in outcome}) == 5
        assert await db.read(ids) == []
    assert await db.write(insert(1)) == 1


async def test_damage_found_while_reading_is_a_typed_error(db: Database, tmp_path: Path) -> None:
    await db.write(lambda tx: [insert(n, LARGE)(tx) for n in range(20)])
    await db.close()
    path = tmp_path / "state.db"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreCorrupt):
        await Database.open(path, [ITEMS])


async def test_wrong_sql_is_our_bug_and_stays_itself(db: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await db.write(lambda tx: tx.execute("INSERT INTO nowhere VALUES (1)").close())
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await db.read(lambda tx: tx.execute("SELECT * FROM nowhere").fetchall())
    assert await db.write(insert(1)) == 1


@pytest.mark.parametrize(
    ("number", "kind"),
    [(28, StoreFull), (5, StoreIoError)],
)
def test_system_errors_are_mapped(number: int, kind: type[StoreUnavailable]) -> None:
    assert type(store_error(OSError(number, "x"), "state.db")) is kind
