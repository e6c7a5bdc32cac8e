"""Scheduled jobs: kept, changed, listed, run by hand."""

import hashlib
from typing import Any, Final

import msgspec

from gateway.cron import store
from gateway.cron.listing import select_jobs
from gateway.cron.model import CronSettings, Definition, Job, JobNotFound
from gateway.cron.scheduler import Scheduler
from gateway.cron.timing import check_schedule, next_due
from gateway.kernel.clock import Clock
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.store.db import Database, Tx
from protocol.errors import Conflict, InvalidRequest
from protocol.ids import checked_id, checked_session_key, new_id
from protocol.method import UNSET
from protocol.methods.cron import (
    CronAdd,
    CronJobPage,
    CronList,
    CronPatch,
    CronRunPage,
    CronRuns,
    CronStarted,
    CronState,
    CronUpdate,
    DeliveryPreview,
    Scratch,
    ScratchView,
)
from protocol.nouns.cron import AgentTurnPayload

MAX_SCRATCH_BYTES: Final = 262_144
"""Size of a job's notes. Observed: `maxBytes` of `cron.scratch.get`."""

SPECIAL_TARGETS: Final = frozenset({"main", "isolated", "current"})


class CronService:
    """What the cron methods do."""

    def __init__(
        self, db: Database, scheduler: Scheduler, clock: Clock, config: ConfigStore, boot_id: str
    ) -> None:
        self._db = db
        self._scheduler = scheduler
        self._clock = clock
        self._config = config
        self._boot_id = boot_id

    async def status(self) -> CronState:
        """The scheduler's state."""
        jobs = await self._db.read(store.every)
        path = str(self._config.home.state_dir / "state.db")
        return CronState(
            enabled=self._config.get(CronSettings).enabled,
            triggers_enabled=False,
            store_path=path,
            storage="sqlite",
            sqlite_path=path,
            jobs=len(jobs),
            next_wake_at_ms=min((job.due_ms for job in jobs if job.due_ms is not None), default=None),
        )

    async def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            JobNotFound: when there is none of that id.
        """
        job = await self._db.read(lambda tx: store.find(tx, job_id))
        if job is None:
            raise JobNotFound(job_id)
        return job

    async def add(self, call: CronAdd) -> Job:
        """Store a new job.

        Raises:
            InvalidRequest: when its schedule, target or payload cannot be.
        """
        now_ms = self._clock.now_ms()
        definition = Definition(
            schedule=call.schedule,
            payload=call.payload,
            session_target=call.session_target,
            wake_mode=call.wake_mode,
            display_name=call.display_name,
            description=call.description,
            session_key=call.session_key,
            delete_after_run=call.delete_after_run,
            delivery=call.delivery,
            failure_alert=call.failure_alert,
        )
        job = Job(
            id=new_id(),
            name=call.name,
            agent_id=call.agent_id,
            enabled=call.enabled,
            definition=definition,
            created_ms=now_ms,
            updated_ms=now_ms,
            revision=1,
            due_ms=None,
        )
        stored = self._checked(job, now_ms, "cron.add params")
        await self._db.write(lambda tx: store.save(tx, stored))
        self._scheduler.wake()
        return stored

    async def update(self, call: CronUpdate) -> Job:
        """Change a job in one transaction.

        Raises:
            JobNotFound: when there is none of that id.
            Conflict: when it changed since the caller read it.
            InvalidRequest: when the result could not run.
        """
        job_id, now_ms = call.chosen(), self._clock.now_ms()

        def unit(tx: Tx) -> Job:
            job = store.find(tx, job_id)
            if job is None:
                raise JobNotFound(job_id)
            expected = call.expected_config_revision
            if expected is not None and expected != f"r{job.revision}":
                raise Conflict("expectedConfigRevision: the job changed; read it again first")
            changed = self._checked(_patched(job, call.patch, now_ms), now_ms, "cron.update params")
            store.save(tx, changed)
            return changed

        changed = await self._db.write(unit)
        self._scheduler.wake()
        return changed

    async def remove(self, job_id: str) -> Job:
        """Delete a job and return what it was.

        Raises:
            JobNotFound: when there is none of that id.
        """
        job = await self.get(job_id)
        if not await self._db.write(lambda tx: store.delete(tx, job_id)):  # somebody else was faster
            raise JobNotFound(job_id)
        self._scheduler.wake()
        return job

    async def run(self, job_id: str, mode: str) -> CronStarted:
        """Start a job by hand, unless it runs already or `mode` forbids it.

        Raises:
            JobNotFound: when there is none of that id.
        """
        job = await self.get(job_id)
        reason = None
        if self._scheduler.running(job_id) is not None:
            reason = "already-running"
        elif mode == "due" and (job.due_ms is None or job.due_ms > self._clock.now_ms()):
            reason = "not-due"
        elif mode == "if-enabled" and not job.enabled:
            reason = "disabled"
        if reason is not None:
            return CronStarted(ok=True, process_instance_id=self._boot_id, ran=False, reason=reason)
        run = await self._scheduler.start_now(job)
        return CronStarted(ok=True, process_instance_id=self._boot_id, enqueued=True, run_id=run.run_id)

    async def page(self, call: CronList) -> CronJobPage:
        """Jobs as asked for."""
        jobs = await self._db.read(store.every)
        chosen = select_jobs(jobs, call)
        shown = chosen[call.offset : call.offset + call.limit]
        more = call.offset + len(shown) < len(chosen)
        previews = {job.id: preview(job) for job in shown} if call.include_delivery_previews else None
        return CronJobPage(
            jobs=[self.shown(job) for job in shown],
            total=len(chosen),
            offset=call.offset,
            limit=call.limit,
            has_more=more,
            next_offset=call.offset + len(shown) if more else None,
            snapshot_revision=_fingerprint(jobs),
            delivery_previews=previews,
        )

    async def runs(self, call: CronRuns) -> CronRunPage:
        """The ledger as asked for."""
        statuses = call.statuses or ([] if call.status == "all" else [call.status])
        wanted = store.RunFilter(
            job_id=None if call.scope == "all" else call.id or call.job_id,
            run_id=call.run_id,
            agent_id=call.agent_id,
            statuses=frozenset(statuses),
        )
        newest_first = call.sort_dir == "desc"
        total, shown = await self._db.read(
            lambda tx: (
                store.count_ended_runs(tx, wanted),
                store.ended_runs(tx, wanted, call.limit, call.offset, newest_first=newest_first),
            )
        )
        more = call.offset + len(shown) < total
        return CronRunPage(
            entries=[run.shown() for run in shown],
            total=total,
            offset=call.offset,
            limit=call.limit,
            has_more=more,
            next_offset=call.offset + len(shown) if more else None,
        )

    async def scratch(self, job_id: str) -> ScratchView:
        """A job's notes.

        Raises:
            JobNotFound: when there is no such job.
        """
        await self.get(job_id)
        found = await self._db.read(lambda tx: store.scratch(tx, job_id))
        return _scratch_view(found)

    async def write_scratch(self, job_id: str, content: str | None, expected: int | None) -> ScratchView:
        """Replace a job's notes.

        Raises:
            JobNotFound: when there is no such job.
            InvalidRequest: when they are too long.
            Conflict: when they changed since the caller read them.
        """
        await self.get(job_id)
        if content is not None and len(content.encode()) > MAX_SCRATCH_BYTES:
            raise InvalidRequest(f"content: at most {MAX_SCRATCH_BYTES} bytes", {"field": "content"})
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> Scratch | None:
            revision = found.revision if (found := store.scratch(tx, job_id)) is not None else 0
            if expected is not None and expected != revision:
                raise Conflict(f"expectedRevision: the notes are at revision {revision}; read them first")
            fresh = None
            if content is not None:
                fresh = Scratch(content=content, revision=revision + 1, updated_at_ms=now_ms)
            store.write_scratch(tx, job_id, fresh)
            return fresh

        view = _scratch_view(await self._db.write(unit))
        return msgspec.structs.replace(view, ok=True)

    def shown(self, job: Job) -> Any:
        """The job for clients, with the run that is under way."""
        run = self._scheduler.running(job.id)
        return job.shown(run.claimed_ms if run is not None else None)

    def _checked(self, job: Job, now_ms: int, subject: str) -> Job:
        definition = job.definition
        check_schedule(definition.schedule, now_ms, subject)
        if job.agent_id is not None:
            checked_id(job.agent_id, "agentId")
        if definition.session_target not in SPECIAL_TARGETS:
            checked_session_key(definition.session_target, "sessionTarget")
        if definition.session_key is not None:
            checked_session_key(definition.session_key)
        if definition.session_target == "isolated" and not isinstance(definition.payload, AgentTurnPayload):
            raise InvalidRequest(
                f"invalid {subject}: at /sessionTarget: a system event goes to the main session",
                {"field": "sessionTarget"},
            )
        due_ms = next_due(definition.schedule, now_ms, job.created_ms) if job.enabled else None
        return msgspec.structs.replace(job, due_ms=due_ms)


def preview(job: Job) -> DeliveryPreview:
    """What would happen with a job's answer."""
    delivery = job.definition.delivery
    if delivery is None or delivery.mode == "none":
        return DeliveryPreview(label="not requested", detail="not requested")
    target = delivery.to or delivery.channel or "last"
    return DeliveryPreview(label=f"{delivery.mode} -> {target}", detail=f"{delivery.mode} to {target}")


def _patched(job: Job, patch: CronPatch, now_ms: int) -> Job:
    given = {
        name: value for name in CronPatch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET
    }
    of_job = {name: given.pop(name) for name in ("name", "agent_id", "enabled") if name in given}
    definition = msgspec.structs.replace(job.definition, **given)
    return msgspec.structs.replace(
        job, **of_job, definition=definition, updated_ms=now_ms, revision=job.revision + 1
    )


def _scratch_view(scratch: Scratch | None) -> ScratchView:
    revision = scratch.revision if scratch is not None else 0
    return ScratchView(scratch=scratch, current_revision=revision, max_bytes=MAX_SCRATCH_BYTES)


def _fingerprint(jobs: list[Job]) -> str:
    state = [(job.id, job.revision, job.due_ms, job.last.run_at_ms) for job in jobs]
    return f"sha256:{hashlib.sha256(msgspec.json.encode(state)).hexdigest()[:32]}"
