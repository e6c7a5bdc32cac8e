"""Each slot of each job runs once or is recorded as missed, also across a crash (rows R20, R21)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.cron import store
from gateway.cron.model import Action, CronSettings, Definition, Job, Result, Run
from gateway.cron.scheduler import BROKEN, Scheduler
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor
from protocol.nouns.cron import EverySchedule, RunEntry, SystemEventPayload
from tests.support.clock import FakeClock

HOUR_S = 3600.0
HOUR_MS = 3_600_000
START_MS = 1_800_000_000_000


class FakePerformer:
    """A performer at its seam: it notes what it was given and ends when it is let go."""

    def __init__(self) -> None:
        self.performed: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.result = Result(outcome="ok", summary="done")
        self.error: Exception | None = None

    async def perform(self, job: Job, run: Run) -> Result:
        assert job.id == run.job_id
        self.performed.append(run.run_id)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.result


class Rig:
    """A scheduler on a real database under a clock that stands still."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = FakeClock(START_MS)
        self.performer = FakePerformer()
        self.events: list[tuple[Action, str]] = []
        self.settings = CronSettings()
        self.tasks = Supervisor()
        self.scheduler = self.build()

    def build(self) -> Scheduler:
        return Scheduler(
            db=self.db,
            performer=self.performer,
            announce=lambda action, job, _: self.events.append((action, job.id)),
            clock=self.clock,
            tasks=self.tasks,
            settings=lambda: self.settings,
        )

    def begin(self) -> None:
        self.tasks.keep("scheduler", self.scheduler.run)

    async def crash(self) -> None:
        """Drop everything in memory, as a kill does, and set up a new life on the same file."""
        await self.tasks.close(1.0)
        self.tasks = Supervisor()
        self.performer = FakePerformer()
        self.scheduler = self.build()

    async def add(self, job_id: str, every_ms: int = HOUR_MS) -> None:
        schedule = EverySchedule(every_ms=every_ms, anchor_ms=START_MS)
        job = Job(
            id=job_id,
            name=job_id,
            agent_id=None,
            enabled=True,
            definition=Definition(
                schedule=schedule,
                payload=SystemEventPayload(text="tick"),
                session_target="main",
                wake_mode="now",
            ),
            created_ms=START_MS,
            updated_ms=START_MS,
            revision=1,
            due_ms=START_MS + every_ms,
        )
        await self.db.write(lambda tx: store.save(tx, job))

    async def pass_time(self, seconds: float) -> None:
        self.clock.jump(seconds)
        self.scheduler.wake()

    async def ledger(self) -> list[RunEntry]:
        runs = await self.db.read(
            lambda tx: store.ended_runs(tx, store.RunFilter(), 1000, 0, newest_first=False)
        )
        return [run.shown() for run in runs]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the condition is another object
            await asyncio.sleep(0.005)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    db = await Database.open(tmp_path / "state.db", load_migrations("cron", "gateway.cron"))
    rig = Rig(db)
    yield rig
    await rig.tasks.close(1.0)
    await db.close()


async def test_a_slot_runs_once_and_is_recorded(rig: Rig) -> None:
    await rig.add("hourly")
    rig.begin()
    await rig.pass_time(HOUR_S - 1)
    await asyncio.sleep(0.05)
    assert rig.performer.performed == []
    await rig.pass_time(1)
    await until(lambda: ("finished", "hourly") in rig.events)
    for _ in range(5):
        await rig.pass_time(0)
    await asyncio.sleep(0.05)
    assert rig.performer.performed == [f"cron:hourly:{START_MS + HOUR_MS}"]
    assert [(entry.status, entry.run_at_ms) for entry in await rig.ledger()] == [("ok", START_MS + HOUR_MS)]
    assert rig.scheduler.next_wake_ms == START_MS + 2 * HOUR_MS


async def test_five_hundred_jobs_of_the_same_moment_each_run_once(rig: Rig) -> None:
    for number in range(500):
        await rig.add(f"job-{number}")
    rig.begin()
    await rig.pass_time(HOUR_S)
    await until(lambda: len([event for event in rig.events if event[0] == "finished"]) == 500)
    assert len(rig.performer.performed) == len(set(rig.performer.performed)) == 500
    assert len(await rig.ledger()) == 500


async def test_a_run_cut_short_by_a_crash_is_performed_again_under_its_id(rig: Rig) -> None:
    await rig.add("hourly")
    rig.performer.gate.clear()
    rig.begin()
    await rig.pass_time(HOUR_S)
    await until(lambda: len(rig.performer.performed) == 1)
    first = rig.performer.performed[0]
    await rig.crash()
    rig.begin()
    await until(lambda: ("finished", "hourly") in rig.events)
    assert rig.performer.performed == [first]
    assert [entry.run_id for entry in await rig.ledger()] == [first]


async def test_slots_that_passed_while_off_are_recorded_and_the_newest_runs(rig: Rig) -> None:
    await rig.add("hourly")
    await rig.pass_time(5.5 * HOUR_S)
    rig.begin()
    await until(lambda: ("finished", "hourly") in rig.events)
    assert rig.performer.performed == [f"cron:hourly:{START_MS + 5 * HOUR_MS}"]
    ledger = await rig.ledger()
    assert sorted(entry.run_at_ms for entry in ledger) == [START_MS + h * HOUR_MS for h in (1, 2, 3, 4, 5)]
    assert [entry.status for entry in sorted(ledger, key=lambda entry: entry.run_at_ms)] == [
        "skipped"
    ] * 4 + ["ok"]


async def test_missed_slots_can_be_skipped_altogether(rig: Rig) -> None:
    rig.settings = CronSettings(missed="skip")
    await rig.add("hourly")
    await rig.pass_time(2.5 * HOUR_S)
    rig.begin()
    await until(lambda: rig.scheduler.next_wake_ms == START_MS + 3 * HOUR_MS)
    assert rig.performer.performed == []
    assert [entry.status for entry in await rig.ledger()] == ["skipped", "skipped"]


async def test_a_clock_set_back_runs_no_slot_twice(rig: Rig) -> None:
    await rig.add("hourly")
    rig.begin()
    await rig.pass_time(HOUR_S)
    await until(lambda: len(rig.performer.performed) == 1)
    await rig.pass_time(-HOUR_S)
    await asyncio.sleep(0.05)
    await rig.pass_time(HOUR_S)
    await asyncio.sleep(0.05)
    assert len(rig.performer.performed) == 1


async def test_switched_off_nothing_runs_by_itself(rig: Rig) -> None:
    rig.settings = CronSettings(enabled=False)
    await rig.add("hourly")
    rig.begin()
    await rig.pass_time(HOUR_S)
    await asyncio.sleep(0.05)
    assert rig.performer.performed == []


async def test_failures_are_counted_until_a_success(rig: Rig) -> None:
    await rig.add("hourly")
    rig.performer.result = Result(outcome="error", error="no")
    rig.begin()
    for _ in range(2):
        finished = len(rig.events) + 2
        await rig.pass_time(HOUR_S)
        await until(lambda finished=finished: len(rig.events) >= finished)
    job = await rig.db.read(lambda tx: store.find(tx, "hourly"))
    assert job is not None
    assert (job.last.status, job.last.error, job.last.consecutive_errors) == ("error", "no", 2)


async def test_switched_off_with_a_slot_due_the_scheduler_rests(rig: Rig) -> None:
    rounds = 0

    def settings() -> CronSettings:
        nonlocal rounds
        rounds += 1
        return CronSettings(enabled=False)

    await rig.add("hourly")
    rig.clock.jump(HOUR_S)
    scheduler = Scheduler(
        db=rig.db,
        performer=rig.performer,
        announce=lambda _, __, ___: None,
        clock=rig.clock,
        tasks=rig.tasks,
        settings=settings,
    )
    rig.tasks.keep("scheduler", scheduler.run)
    await until(lambda: rounds > 1)
    settled = rounds
    await asyncio.sleep(0.1)
    assert rounds <= settled + 2


async def test_a_scheduler_started_again_leaves_running_runs_alone(rig: Rig) -> None:
    await rig.add("hourly")
    rig.performer.gate.clear()
    rig.begin()
    await rig.pass_time(HOUR_S)
    await until(lambda: len(rig.performer.performed) == 1)
    rig.begin()
    await asyncio.sleep(0.05)
    rig.performer.gate.set()
    await until(lambda: ("finished", "hourly") in rig.events)
    await asyncio.sleep(0.05)
    assert len(rig.performer.performed) == 1
    assert rig.events.count(("finished", "hourly")) == 1


async def test_slots_that_come_during_a_run_are_recorded_and_do_not_pile_up(rig: Rig) -> None:
    await rig.add("hourly")
    rig.performer.gate.clear()
    rig.begin()
    await rig.pass_time(HOUR_S)
    await until(lambda: len(rig.performer.performed) == 1)
    for hour in (2, 3):
        await rig.pass_time(HOUR_S)
        await until(lambda hour=hour: rig.scheduler.next_wake_ms == START_MS + (hour + 1) * HOUR_MS)
    rig.performer.gate.set()
    await until(lambda: ("finished", "hourly") in rig.events)
    assert len(rig.performer.performed) == 1
    skipped = [entry for entry in await rig.ledger() if entry.status == "skipped"]
    assert [entry.run_at_ms for entry in skipped] == [START_MS + 2 * HOUR_MS, START_MS + 3 * HOUR_MS]
    assert all("still going on" in (entry.error or "") for entry in skipped)
    await rig.pass_time(HOUR_S)
    await until(lambda: len(rig.performer.performed) == 2)


async def test_a_performer_that_breaks_leaves_an_error_in_the_ledger(rig: Rig) -> None:
    await rig.add("hourly")
    rig.performer.error = ValueError("a bug")
    rig.begin()
    await rig.pass_time(HOUR_S)
    await until(lambda: ("finished", "hourly") in rig.events)
    (entry,) = await rig.ledger()
    assert (entry.status, entry.error) == ("error", BROKEN.error)
    rig.performer.error = None
    await rig.pass_time(HOUR_S)
    await until(lambda: rig.events.count(("finished", "hourly")) == 2)


async def test_the_ledger_is_paged_filtered_and_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT_RUNS", 3)
    await rig.add("hourly")
    rig.begin()
    for count in range(1, 6):
        rig.performer.result = Result(outcome="error" if count % 2 else "ok")
        await rig.pass_time(HOUR_S)
        await until(lambda count=count: rig.events.count(("finished", "hourly")) == count)
    slots = [(entry.run_at_ms - START_MS) // HOUR_MS for entry in await rig.ledger()]
    assert slots == [3, 4, 5]
    errors = store.RunFilter(job_id="hourly", statuses=frozenset({"error"}))
    newest = await rig.db.read(lambda tx: store.ended_runs(tx, errors, 1, 0, newest_first=True))
    assert [run.slot_ms for run in newest] == [START_MS + 5 * HOUR_MS]
    assert await rig.db.read(lambda tx: store.count_ended_runs(tx, errors)) == 2
    assert await rig.db.read(lambda tx: store.count_ended_runs(tx, store.RunFilter(agent_id="other"))) == 0
