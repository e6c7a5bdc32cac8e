"""Recording: in order, many in one commit, bounded, and honest about what was lost (U5)."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from gateway.kernel.audit import trail
from gateway.kernel.audit.chain import Entry, Walk
from gateway.kernel.audit.store import Filter
from gateway.kernel.audit.trail import LOST, AuditLog, AuditOverloaded
from gateway.kernel.clock import SystemClock
from gateway.kernel.health import HealthBoard
from gateway.kernel.store.db import Database
from gateway.kernel.store.errors import StoreClosed, StoreUnavailable
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor


class Books(msgspec.Struct, frozen=True):
    """An audit log with what it stands on."""

    log: AuditLog
    db: Database
    tasks: Supervisor
    health: HealthBoard


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Books]:
    """An audit log over a real file, closed in the order of `gateway.app`."""
    clock, tasks = SystemClock(), Supervisor()
    db = await Database.open(folder / "audit.db", load_migrations("kernel", "gateway.kernel.audit"))
    log, health = await AuditLog.open(db, clock, tasks), HealthBoard(clock)
    log.report_to(health)
    try:
        yield Books(log, db, tasks, health)
    finally:
        await tasks.close(1.0)
        await log.close()
        await db.close()


async def all_entries(log: AuditLog) -> list[Entry]:
    """Everything on the disk, after checking the chain."""
    entries = await log.entries(0, 100_000)
    walk = Walk({})
    assert [walk.step(entry) for entry in entries] == [None] * len(entries)
    return entries


async def test_entries_come_in_order_in_few_commits_and_the_chain_goes_on_after_a_restart(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as books:
        before = books.db.commits
        for number in range(100):
            books.log.record("test.plain", actor="x", subject=str(number))
        head = await books.log.record_durably("test.sure", actor="x")
        assert head == books.log.head
        assert head.seq == 101
        assert books.db.commits - before <= 2
        books.log.record("test.last", actor="x")
    async with opened(tmp_path) as books:
        assert books.log.head.seq == 102, "closing writes what waits"
        await books.log.record_durably("test.again", actor="x")
        entries = await all_entries(books.log)
    assert [entry.subject for entry in entries[:100]] == [str(number) for number in range(100)]
    assert [entry.action for entry in entries[100:]] == ["test.sure", "test.last", "test.again"]


async def test_a_durable_entry_is_in_the_file_when_the_call_returns(tmp_path: Path) -> None:
    async with opened(tmp_path) as books:
        await books.log.record_durably("test.sure", actor="x")
        with closing(sqlite3.connect(tmp_path / "audit.db")) as other:
            assert other.execute("SELECT action FROM audit").fetchall() == [("test.sure",)]


async def test_what_is_dropped_is_counted_and_the_count_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "MAX_QUEUED", 10)
    async with opened(tmp_path) as books:
        for number in range(25):
            books.log.record("test.flood", actor="x", subject=str(number))
        with pytest.raises(AuditOverloaded, match="try again"):
            await books.log.record_durably("test.sure", actor="x")
        await books.log.flush()
        books.log.record("test.after", actor="x")
        await books.log.flush()
        entries = await all_entries(books.log)
    assert [entry.action for entry in entries] == ["test.flood"] * 10 + [LOST, "test.after"]
    assert entries[10].details == '{"count":15}'


async def test_a_failing_disk_is_reported_refuses_who_waits_and_keeps_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as books:
        await books.log.record_durably("test.first", actor="x")
        with closing(sqlite3.connect(tmp_path / "audit.db", timeout=0, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout=0")
            await books.db.write(lambda tx: tx.execute("PRAGMA busy_timeout=0").fetchone())
            other.execute("BEGIN IMMEDIATE")
            books.log.record("test.plain", actor="x")
            with pytest.raises(StoreUnavailable):
                await books.log.record_durably("test.refused", actor="x")
            part = books.health.parts()["audit"]
            assert (part.ok, "audit log cannot be written" in part.detail) == (False, True)
            other.execute("ROLLBACK")
        await books.log.record_durably("test.second", actor="x")
        assert books.health.parts()["audit"].ok
        entries = await all_entries(books.log)
    assert [entry.action for entry in entries] == ["test.first", "test.plain", "test.second"]


async def test_a_cancelled_writer_leaves_no_gap_and_no_double(tmp_path: Path) -> None:
    async with opened(tmp_path) as books:
        for round_number in range(20):
            books.log.record("test.plain", actor="x", subject=str(round_number))
            waiting = asyncio.create_task(books.log.record_durably("test.sure", actor="x"))
            for _ in range(round_number):
                await asyncio.sleep(0)
            await books.tasks.close(1.0)
            waiting.cancel()
            await asyncio.wait([waiting])
        await books.log.flush()
        entries = await all_entries(books.log)
    assert [entry.subject for entry in entries if entry.action == "test.plain"] == [
        str(number) for number in range(20)
    ]


async def test_a_closed_log_refuses_who_must_be_sure(tmp_path: Path) -> None:
    async with opened(tmp_path) as books:
        await books.log.close()
        books.log.record("test.late", actor="x")
        with pytest.raises(StoreClosed):
            await books.log.record_durably("test.late", actor="x")


async def test_an_action_has_a_dotted_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as books:
        for name in ("plain", "Device.x", "a.", "a b.c", ""):
            with pytest.raises(ValueError, match="dotted"):
                books.log.record(name, actor="x")


async def test_pages_filter_and_go_both_ways(tmp_path: Path) -> None:
    async with opened(tmp_path) as books:
        for number in range(6):
            books.log.record(
                "one.a" if number % 2 else "two.b",
                actor=f"a{number % 3}",
                subject="s",
                details={"runId": f"r{number}"},
            )
        await books.log.flush()

        async def seqs(wanted: Filter, after: int | None = None, *, oldest_first: bool = False) -> list[int]:
            page = await books.log.page(wanted, after, 10, oldest_first=oldest_first)
            return [entry.seq for entry in page]

        assert await seqs(Filter()) == [6, 5, 4, 3, 2, 1]
        assert await seqs(Filter(), 4) == [3, 2, 1]
        assert await seqs(Filter(), 4, oldest_first=True) == [5, 6]
        assert await seqs(Filter(action="one.*")) == [6, 4, 2]
        assert await seqs(Filter(action="one")) == []
        assert await seqs(Filter(action="on.*")) == []
        assert await seqs(Filter(actor="a0")) == [4, 1]
        assert await seqs(Filter(subject="%")) == []
        assert await seqs(Filter(details=(("runId", "r4"),))) == [5]
        assert await seqs(Filter(since_ms=1 << 52)) == []
        assert await seqs(Filter(before_ms=1)) == []
        assert await seqs(Filter(activity=True)) == []
