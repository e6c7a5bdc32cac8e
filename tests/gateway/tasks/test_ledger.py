"""The ledger of background work."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.tasks import store
from gateway.tasks.model import Task
from gateway.tasks.service import KEPT_MS, TaskLedger
from protocol.errors import NotFound
from protocol.events.tasks import TaskChanged
from protocol.method import Event
from protocol.methods.tasks import TasksList
from protocol.nouns.task import TaskStatus
from tests.support.clock import FakeClock


class Bench:
    """A ledger with its file, clock and published events."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.ledger = TaskLedger(db, self, self.clock)

    def publish(self, event: Event, /) -> None:
        """Keep an event."""
        self.events.append(event)

    async def put(self, task: Task) -> Task:
        """Store and announce a task, as whoever works does."""
        await self.db.write(lambda tx: store.put(tx, task))
        self.ledger.announce(task)
        return task


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Bench]:
    """A ledger over a file."""
    db = await Database.open(folder / "state.db", load_migrations("tasks", "gateway.tasks"))
    try:
        yield Bench(db)
    finally:
        await db.close()


def task(
    name: str, status: TaskStatus = "running", *, created_ms: int = 1, ended_ms: int | None = None
) -> Task:
    """A run of the command line."""
    return Task(
        id=name,
        run_id=f"run-{name}",
        kind="cli",
        status=status,
        title=f"do {name}",
        agent_id="main",
        session_key="agent:main:main",
        created_ms=created_ms,
        updated_ms=created_ms,
        ended_ms=ended_ms,
    )


class TestProgress:
    """What is told between beginning and end."""

    async def test_tools_and_words_are_shown_while_it_runs(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as bench:
            await bench.put(task("a"))
            bench.ledger.said("a", "x" * 500 + "\n  the end")
            bench.ledger.used_tool("a", "exec")
            last = bench.events[-1]
            assert isinstance(last, TaskChanged)
            assert (last.task.tool_use_count, last.task.last_tool_name) == (1, "exec")
            assert last.task.last_activity is not None
            assert last.task.last_activity.endswith("x the end")
            assert len(last.task.last_activity) == 200
            (shown,) = (await bench.ledger.page(TasksList())).tasks
            assert shown == last.task

    async def test_an_ended_task_says_nothing_more(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as bench:
            await bench.put(task("a", "completed", ended_ms=2))
            told = len(bench.events)
            bench.ledger.used_tool("a", "exec")
            bench.ledger.said("a", "late")
            assert len(bench.events) == told
            assert bench.ledger.current("a") is None


class TestList:
    """Pages and filters."""

    async def test_filters_and_pages(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as bench:
            for number in range(5):
                await bench.put(task(f"t{number}", "completed", created_ms=number, ended_ms=10 - number))
            await bench.put(task("open", created_ms=9))
            first = await bench.ledger.page(TasksList(limit=4))
            assert [t.id for t in first.tasks] == ["open", "t4", "t3", "t2"]
            rest = await bench.ledger.page(TasksList(limit=4, cursor=first.next_cursor))
            assert ([t.id for t in rest.tasks], rest.next_cursor) == (["t1", "t0"], None)
            ended = await bench.ledger.page(TasksList(status=["completed"], sort_by="endedAt", limit=2))
            assert [t.id for t in ended.tasks] == ["t0", "t1"]
            assert (await bench.ledger.page(TasksList(agent_id="other"))).tasks == []

    async def test_an_unknown_task_is_named(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as bench:
            with pytest.raises(NotFound, match="there is no task x"):
                await bench.ledger.get("x")

    async def test_old_tasks_are_forgotten(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as bench:
            now_ms = bench.clock.now_ms()
            await bench.put(task("old", "completed", ended_ms=now_ms - KEPT_MS - 1))
            await bench.put(task("new", "completed", ended_ms=now_ms))
            await bench.put(task("open"))
            await bench.ledger.prune()
            assert {t.id for t in (await bench.ledger.page(TasksList())).tasks} == {"new", "open"}
