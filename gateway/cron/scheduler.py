"""Runs each slot of each job once, and writes down what happened to every slot."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.cron import store
from gateway.cron.model import Announce, CronSettings, Job, LastRun, Performer, Result, Run
from gateway.cron.timing import missed_slots, next_due
from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.supervisor import Supervisor
from protocol.ids import new_id

MAX_SLEEP_S: Final = 30.0
"""The longest sleep between looks at the clock, so that a changed clock or a suspended laptop is noticed."""

LATE_MS: Final = 60_000
"""A slot later than this was missed, not delayed: the gateway was off, or the machine slept."""

DAY_MS: Final = 86_400_000

MISSED: Final = Result(outcome="skipped", error="missed: the gateway was not running at this time")

BUSY: Final = Result(outcome="skipped", error="skipped: the run before it was still going on")

BROKEN: Final = Result(outcome="error", error="the run failed inside the gateway; see `homarus logs`")

logger = logging.getLogger(__name__)


class Scheduler:
    """Claims due slots in the database, performs them, and records the outcome.

    The claim and the job's next slot are written in one transaction before anything runs. A run cut short by
    a crash is performed again under the same run id, which the performer recognises.
    """

    def __init__(
        self,
        *,
        db: Database,
        performer: Performer,
        announce: Announce,
        clock: Clock,
        tasks: Supervisor,
        settings: Callable[[], CronSettings],
    ) -> None:
        self._db = db
        self._performer = performer
        self._announce = announce
        self._clock = clock
        self._tasks = tasks
        self._settings = settings
        self._changed = asyncio.Event()
        self._places = asyncio.Semaphore(settings().max_concurrent_runs)
        self._running: dict[str, Run] = {}
        self.next_wake_ms: int | None = None

    async def run(self) -> None:
        """Finish what a crash cut short, then run slots as they come due, for ever."""
        await self._recover()
        while True:
            self._changed.clear()
            await self._claim_due()
            self.next_wake_ms = await self._db.read(store.next_due_ms)
            await self._sleep()

    def wake(self) -> None:
        """Look again: a job or the settings changed."""
        self._changed.set()

    def running(self, job_id: str) -> Run | None:
        """The run of a job that is under way."""
        return next((run for run in self._running.values() if run.job_id == job_id), None)

    async def start_now(self, job: Job) -> Run:
        """Start a run by hand, beside the schedule."""
        now_ms = self._clock.now_ms()
        run = Run(
            run_id=f"manual:{job.id}:{now_ms}:{new_id()[:8]}",
            job_id=job.id,
            job_name=job.name,
            agent_id=job.agent_id,
            slot_ms=None,
            status="running",
            claimed_ms=now_ms,
        )
        await self._db.write(lambda tx: store.claim(tx, run))
        self._start(job, run)
        return run

    async def _sleep(self) -> None:
        due_ms = self.next_wake_ms if self._settings().enabled else None
        left_s = MAX_SLEEP_S if due_ms is None else max(0.0, (due_ms - self._clock.now_ms()) / 1000)
        try:
            async with asyncio.timeout(min(left_s, MAX_SLEEP_S)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _recover(self) -> None:
        runs = await self._db.read(store.open_runs)
        for run in runs:
            if run.run_id in self._running:  # the gateway lives; only the loop of `run` was started again
                continue
            job = await self._db.read(lambda tx, job_id=run.job_id: store.find(tx, job_id))
            if job is None:
                gone = Result(outcome="error", error="the job was removed while the gateway was off")
                await self._db.write(
                    lambda tx, run_id=run.run_id, result=gone: store.finish(
                        tx, run_id, result, self._clock.now_ms()
                    )
                )
            else:
                logger.info("continuing cron run %s after a restart", run.run_id)
                self._start(job, run)

    async def _claim_due(self) -> None:
        if not self._settings().enabled:
            return
        now_ms = self._clock.now_ms()
        busy = frozenset(run.job_id for run in self._running.values() if run.slot_ms is not None)
        claimed = await self._db.write(lambda tx: self._claim(tx, now_ms, busy))
        for job, run in claimed:
            self._start(job, run)

    def _claim(self, tx: Tx, now_ms: int, busy: frozenset[str]) -> list[tuple[Job, Run]]:
        """Write down every slot that came; a job that takes longer than its interval does not pile up."""
        claimed: list[tuple[Job, Run]] = []
        for job in store.due(tx, now_ms):
            slots = missed_slots(job.definition.schedule, job.due_ms or now_ms, now_ms, job.created_ms)
            advanced = msgspec.structs.replace(
                job, due_ms=next_due(job.definition.schedule, now_ms, job.created_ms)
            )
            store.save(tx, advanced)
            for slot_ms in slots:
                skipped = BUSY if job.id in busy else MISSED
                if slot_ms == slots[-1] and job.id not in busy and self._runs(job, slot_ms, now_ms):
                    skipped = None
                run = _slot_run(job, slot_ms, now_ms, skipped)
                if store.claim(tx, run) and skipped is None:
                    claimed.append((advanced, run))
        return claimed

    def _runs(self, job: Job, slot_ms: int, now_ms: int) -> bool:
        """Whether the newest passed slot is run: always when on time; a missed one as the settings say."""
        if now_ms - slot_ms <= LATE_MS or job.definition.schedule.__struct_config__.tag == "at":
            return True
        return self._settings().missed == "run-once"

    def _start(self, job: Job, run: Run) -> None:
        self._running[run.run_id] = run
        self._tasks.spawn(f"cron {job.name}", self._perform(job, run))

    async def _perform(self, job: Job, run: Run) -> None:
        try:
            async with self._places:
                self._announce("started", job, run)
                result = await self._performer.perform(job, run)
        except Exception:  # the supervisor logs it; the ledger must not show the run as going on for ever
            await self._finish(job.id, run, BROKEN)
            raise
        finally:
            self._running.pop(run.run_id, None)
        await self._finish(job.id, run, result)

    async def _finish(self, job_id: str, run: Run, result: Result) -> None:
        now_ms = self._clock.now_ms()
        kept_after_ms = now_ms - self._settings().kept_days * DAY_MS

        def unit(tx: Tx) -> Job | None:
            store.finish(tx, run.run_id, result, now_ms)
            store.reap(tx, job_id, kept_after_ms)
            job = store.find(tx, job_id)
            if job is None:
                return None
            done = msgspec.structs.replace(job, last=_last(job.last, run, result, now_ms))
            if job.definition.delete_after_run and result.outcome == "ok" and job.due_ms is None:
                store.delete(tx, job_id)
            else:
                store.save(tx, done)
            return done

        job = await self._db.write(unit)
        if job is not None:
            ended = msgspec.structs.replace(run, status=result.outcome, ended_ms=now_ms, result=result)
            self._announce("finished", job, ended)


def _slot_run(job: Job, slot_ms: int, now_ms: int, skipped: Result | None) -> Run:
    return Run(
        run_id=f"cron:{job.id}:{slot_ms}",
        job_id=job.id,
        job_name=job.name,
        agent_id=job.agent_id,
        slot_ms=slot_ms,
        status="running" if skipped is None else "skipped",
        claimed_ms=now_ms,
        ended_ms=None if skipped is None else now_ms,
        result=skipped,
    )


def _last(last: LastRun, run: Run, result: Result, now_ms: int) -> LastRun:
    return LastRun(
        run_at_ms=run.claimed_ms,
        status=result.outcome,
        error=result.error,
        duration_ms=now_ms - run.claimed_ms,
        consecutive_errors=last.consecutive_errors + 1 if result.outcome == "error" else 0,
        delivery_status=result.delivery_status,
        delivery_error=result.delivery_error,
    )
