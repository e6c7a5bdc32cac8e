"""One writer, whole units, group commit, snapshot reads."""

import asyncio
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.kernel.store.db import MAX_QUEUED_UNITS, Database, Tx
from gateway.kernel.store.errors import StoreClosed, StoreReadOnly
from gateway.kernel.store.readers import MAX_READERS
from protocol.errors import Overloaded
from tests.gateway.kernel.store.conftest import ITEMS, Gate, ids, insert


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def wait_for(event: threading.Event) -> None:
    if not event.wait(timeout=10):
        raise TimeoutError("the test never let go")


async def test_database_is_private_and_set_up_for_durability(tmp_path: Path) -> None:
    """DC-6: state on disk is the owner's alone, and an acknowledged commit is synced."""
    path = tmp_path / "home" / "state" / "state.db"
    db = await Database.open(path, [ITEMS])

    def pragmas(tx: Tx) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [tx.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    full = 2
    assert await db.write(pragmas) == ["wal", full, 1]
    assert mode(path) == 0o600
    assert mode(path.with_name("state.db-wal")) == 0o600
    assert mode(path.parent) == 0o700
    assert mode(path.parent.parent) == 0o700
    await db.close()


async def test_existing_loose_file_is_tightened_and_its_folder_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    path = folder / "state.db"
    path.touch(mode=0o644)
    db = await Database.open(path, [ITEMS])
    assert mode(path) == 0o600
    assert mode(folder) == 0o755
    await db.close()


async def test_not_durable_means_synchronous_normal(tmp_path: Path) -> None:
    db = await Database.open(tmp_path / "memory.db", [ITEMS], durable=False)
    normal = 1
    assert await db.write(lambda tx: tx.execute("PRAGMA synchronous").fetchone()[0]) == normal
    await db.close()


async def test_written_is_read_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    db = await Database.open(path, [ITEMS])
    assert await db.write(insert(7)) == 7
    await db.close()
    db = await Database.open(path, [ITEMS])
    assert await db.read(ids) == [7]
    await db.close()


async def test_functions_of_several_features_form_one_unit(db: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        await db.write(lambda tx: (insert(1)(tx), insert(2)(tx), insert(1)(tx)))
    assert await db.read(ids) == []
    assert await db.write(lambda tx: (insert(1)(tx), insert(2)(tx))) == (1, 2)
    assert await db.read(ids) == [1, 2]


async def test_a_thousand_writers_share_few_commits(db: Database) -> None:
    before = db.stats()
    results = await asyncio.gather(*(db.write(insert(n)) for n in range(1000)))
    after = db.stats()
    assert results == list(range(1000))
    assert await db.read(ids) == list(range(1000))
    assert after.units - before.units == 1000
    assert after.commits - before.commits < 100
    assert after.queued_units == 0
    assert after.wal_bytes > 0


async def test_units_run_in_the_order_they_were_queued(db: Database) -> None:
    seen: list[int] = []
    await asyncio.gather(*(db.write(lambda _tx, n=n: seen.append(n)) for n in range(2000)))
    assert seen == list(range(2000))


async def test_failing_units_fail_alone(db: Database) -> None:
    gate = Gate()
    blocker = asyncio.create_task(db.write(gate.unit))

    def half_done(tx: Tx) -> None:
        insert(100)(tx)
        raise LookupError("changed my mind")

    outcome = asyncio.gather(
        db.write(insert(1)),
        db.write(half_done),
        db.write(insert(2)),
        db.write(insert(1)),
        db.write(lambda tx: next(iter(tx.execute("SELECT id FROM item WHERE id < 0")))),
        db.write(insert(3)),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    gate.open()
    results = await outcome
    await blocker
    assert [type(result) for result in results] == [
        int,
        LookupError,
        int,
        sqlite3.IntegrityError,
        RuntimeError,
        int,
    ]
    assert await db.read(ids) == [1, 2, 3]
    assert db.stats().last_batch_units == 6


async def test_unit_may_catch_an_integrity_error_and_go_on(db: Database) -> None:
    def insert_or_count(tx: Tx) -> int:
        try:
            return insert(1)(tx)
        except sqlite3.IntegrityError:
            return -1

    assert [await db.write(insert_or_count), await db.write(insert_or_count)] == [1, -1]


def add_parts(tx: Tx) -> None:
    tx.execute("CREATE TABLE part (item INTEGER REFERENCES item DEFERRABLE INITIALLY DEFERRED)")


def insert_orphan(tx: Tx) -> None:
    tx.execute("INSERT INTO part VALUES (99)")


async def test_deferred_constraint_costs_only_its_own_unit(db: Database) -> None:
    """SQLite checks a deferred key at COMMIT, which belongs to the whole batch."""
    await db.write(add_parts)
    gate = Gate()
    blocker = asyncio.create_task(db.write(gate.unit))
    outcome = asyncio.gather(
        db.write(insert(1)),
        db.write(insert_orphan),
        db.write(insert(2)),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    gate.open()
    first, broken, last = await outcome
    await blocker
    assert (first, type(broken), last) == (1, sqlite3.IntegrityError, 2)
    assert await db.read(ids) == [1, 2]
    assert await db.read(lambda tx: tx.execute("SELECT count(*) FROM part").fetchone()) == (0,)


async def test_failed_commit_leaves_no_lock_behind(db: Database, tmp_path: Path) -> None:
    await db.write(add_parts)
    with pytest.raises(sqlite3.IntegrityError):
        await db.write(insert_orphan)
    with closing(sqlite3.connect(tmp_path / "state.db", timeout=0, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")


@pytest.mark.parametrize("ending", ["commit", "rollback", "executescript", "with"])
async def test_unit_cannot_end_the_transaction(db: Database, ending: str) -> None:
    def unit(tx: Tx) -> None:
        insert(1)(tx)
        if ending == "commit":
            tx.commit()
        elif ending == "rollback":
            tx.rollback()
        elif ending == "executescript":
            tx.executescript("SELECT 1")
        else:
            with tx:
                insert(2)(tx)

    with pytest.raises(RuntimeError, match="neither commits nor rolls back"):
        await db.write(unit)
    assert await db.read(ids) == []


async def test_unit_that_swallows_the_loss_of_its_transaction_fails_whole(db: Database) -> None:
    """SQLite rolls back everything for ON CONFLICT ROLLBACK; what the unit writes next must not stay."""

    def unit(tx: Tx) -> None:
        insert(1)(tx)
        try:
            tx.execute("INSERT OR ROLLBACK INTO item VALUES (1, '')")
        except sqlite3.IntegrityError:
            insert(2)(tx)

    gate = Gate()
    blocker = asyncio.create_task(db.write(gate.unit))
    outcome = asyncio.gather(
        db.write(insert(10)), db.write(unit), db.write(insert(11)), return_exceptions=True
    )
    await asyncio.sleep(0)
    gate.open()
    first, broken, last = await outcome
    await blocker
    assert (first, type(broken), last) == (10, RuntimeError, 11)
    assert await db.read(ids) == [10, 11]


async def test_cancelled_callers_take_nobody_with_them(db: Database) -> None:
    gate = Gate()
    running = asyncio.create_task(db.write(gate.unit))
    await asyncio.to_thread(gate.entered.wait)
    tasks = [asyncio.create_task(db.write(insert(n))) for n in range(10)]
    await asyncio.sleep(0)
    running.cancel()
    for task in tasks[::2]:
        task.cancel()
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 5
    assert await db.read(ids) == [1, 3, 5, 7, 9]
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await db.write(insert(100)) == 100


async def test_unit_of_a_caller_cancelled_while_it_runs_is_whole(db: Database) -> None:
    gate = Gate()

    def unit(tx: Tx) -> None:
        insert(1)(tx)
        gate.unit(tx)
        insert(2)(tx)

    caller = asyncio.create_task(db.write(unit))
    await asyncio.to_thread(gate.entered.wait)
    caller.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await db.write(insert(3))
    assert await db.read(ids) in ([1, 2, 3], [3])


async def test_full_queue_refuses_and_recovers(db: Database) -> None:
    gate = Gate()
    blocker = asyncio.create_task(db.write(gate.unit))
    await asyncio.to_thread(gate.entered.wait)
    waiting = asyncio.gather(*(db.write(insert(n)) for n in range(MAX_QUEUED_UNITS)))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await db.write(insert(-1))
    assert refused.value.retryable
    gate.open()
    await blocker
    await waiting
    await db.write(insert(-1))
    assert await db.read(lambda tx: tx.execute("SELECT count(*) FROM item").fetchone()) == (
        MAX_QUEUED_UNITS + 1,
    )


async def test_read_sees_committed_units_only(db: Database) -> None:
    gate = Gate()

    def unit(tx: Tx) -> None:
        insert(1)(tx)
        gate.unit(tx)

    writing = asyncio.create_task(db.write(unit))
    await asyncio.to_thread(gate.entered.wait)
    assert await db.read(ids) == []
    gate.open()
    await writing
    assert await db.read(ids) == [1]


async def test_read_is_one_snapshot_and_a_second_reader_runs_beside_it(db: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(tx: Tx) -> tuple[list[int], list[int]]:
        before = ids(tx)
        entered.set()
        wait_for(leave)
        return before, ids(tx)

    reading = asyncio.create_task(db.read(slow))
    await asyncio.to_thread(entered.wait)
    await db.write(insert(1))
    assert await db.read(ids) == [1]
    leave.set()
    assert await reading == ([], [])


async def test_read_cannot_write(db: Database) -> None:
    with pytest.raises(StoreReadOnly):
        await db.read(lambda tx: tx.execute("INSERT INTO item VALUES (1, '')").close())


async def test_cancelled_reads_leave_the_readers_usable(db: Database) -> None:
    leave = threading.Event()
    begun: list[str] = []

    def slow(name: str) -> Callable[[Tx], None]:
        def query(_tx: Tx) -> None:
            begun.append(name)
            wait_for(leave)

        return query

    running = [asyncio.create_task(db.read(slow("running"))) for _ in range(MAX_READERS)]
    while len(begun) < MAX_READERS:  # noqa: ASYNC110 - set on other threads
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(db.read(slow("waiting")))
    await asyncio.sleep(0)
    for read in (running[0], waiting):
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
    leave.set()
    await asyncio.gather(*running[1:])
    assert [await db.read(ids) for _ in range(MAX_READERS)] == [[], []]
    assert begun == ["running"] * MAX_READERS


async def test_close_commits_what_is_queued_and_then_refuses(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    db = await Database.open(path, [ITEMS])
    writes = [asyncio.create_task(db.write(insert(n))) for n in range(500)]
    await asyncio.sleep(0)
    await db.close()
    await asyncio.gather(*writes)
    await db.close()
    with pytest.raises(StoreClosed):
        await db.write(insert(-1))
    with pytest.raises(StoreClosed):
        await db.read(ids)
    with pytest.raises(StoreClosed):
        await db.backup_to(tmp_path / "copy.db")
    with closing(sqlite3.connect(path)) as check:
        assert check.execute("SELECT count(*) FROM item").fetchone() == (500,)
    assert not path.with_name("state.db-wal").exists()


async def test_close_commits_a_unit_that_came_as_the_writer_ran_dry(tmp_path: Path) -> None:
    """The thread has seen an empty queue, the loop does not know yet, a unit comes, and then `close`."""
    path = tmp_path / "state.db"
    db = await Database.open(path, [ITEMS])
    first = asyncio.create_task(db.write(insert(1)))
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251 - the loop must not turn while the thread commits and runs dry
    second = db.write(insert(2))
    second.send(None)
    await db.close()
    await first
    with pytest.raises(StopIteration):
        second.send(None)
    db = await Database.open(path, [ITEMS])
    assert await db.read(ids) == [1, 2]
    await db.close()
