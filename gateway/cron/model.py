"""Jobs and runs inside the gateway."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from gateway.kernel.config.settings import Settings
from protocol.errors import InvalidRequest, JsonValue
from protocol.nouns.cron import (
    CronJob,
    Delivery,
    DeliveryStatus,
    JobState,
    Payload,
    RunEntry,
    RunOutcome,
    Schedule,
)


class CronSettings(Settings):
    """How scheduled jobs run."""

    section: ClassVar[str] = "cron"
    restart: ClassVar[frozenset[str]] = frozenset({"max_concurrent_runs"})

    enabled: bool = True
    """False keeps jobs but runs none, except by hand."""
    missed: Literal["run-once", "skip"] = "run-once"
    """Of the slots that passed while the gateway was off, the newest one runs, or none does."""
    max_concurrent_runs: Annotated[int, Meta(ge=1, le=64)] = 4
    kept_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """How long the ledger remembers."""


class JobNotFound(InvalidRequest):
    """No job of that id."""

    detail_code: ClassVar[str | None] = "CRON_JOB_NOT_FOUND"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"id: no cron job {job_id}", {"jobId": job_id})


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person decides about a job; stored as one value."""

    schedule: Schedule
    payload: Payload
    session_target: str
    wake_mode: Literal["next-heartbeat", "now"]
    display_name: str | None = None
    description: str | None = None
    session_key: str | None = None
    delete_after_run: bool | None = None
    delivery: Delivery | None = None
    failure_alert: JsonValue = None


class LastRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a job's runs."""

    run_at_ms: int | None = None
    status: RunOutcome | None = None
    error: str | None = None
    duration_ms: int | None = None
    consecutive_errors: int = 0
    delivery_status: DeliveryStatus | None = None
    delivery_error: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `cron_jobs`."""

    id: str
    name: str
    agent_id: str | None
    enabled: bool
    definition: Definition
    created_ms: int
    updated_ms: int
    revision: int
    due_ms: int | None
    last: LastRun = LastRun()

    def shown(self, running_ms: int | None = None) -> CronJob:
        """The job for clients."""
        definition, last = self.definition, self.last
        return CronJob(
            id=self.id,
            name=self.name,
            enabled=self.enabled,
            created_at_ms=self.created_ms,
            updated_at_ms=self.updated_ms,
            schedule=definition.schedule,
            session_target=definition.session_target,
            wake_mode=definition.wake_mode,
            payload=definition.payload,
            state=self._state(running_ms),
            config_revision=f"r{self.revision}",
            display_name=definition.display_name,
            description=definition.description,
            agent_id=self.agent_id,
            session_key=definition.session_key,
            delete_after_run=definition.delete_after_run,
            delivery=definition.delivery,
            failure_alert=definition.failure_alert,
            next_run_at_ms=self.due_ms,
            last_run_at_ms=last.run_at_ms,
            last_run_status=last.status,
            last_run_error=last.error,
        )

    def _state(self, running_ms: int | None) -> JobState:
        last = self.last
        return JobState(
            next_run_at_ms=self.due_ms,
            running_at_ms=running_ms,
            last_run_at_ms=last.run_at_ms,
            last_run_status=last.status,
            last_status=last.status,
            last_error=last.error,
            last_duration_ms=last.duration_ms,
            consecutive_errors=last.consecutive_errors or None,
            last_delivered=None if last.delivery_status is None else last.delivery_status == "delivered",
            last_delivery_status=last.delivery_status,
            last_delivery_error=last.delivery_error,
        )


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run ended."""

    outcome: RunOutcome
    summary: str | None = None
    error: str | None = None
    session_key: str | None = None
    session_id: str | None = None
    provider: str | None = None
    model: str | None = None
    usage: dict[str, int] | None = None
    delivery_status: DeliveryStatus = "not-requested"
    delivery_error: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `cron_runs`: the claim of a slot, and later its record."""

    run_id: str
    job_id: str
    job_name: str
    agent_id: str | None
    slot_ms: int | None
    """The planned time; None for a run by hand."""
    status: Literal["running", "ok", "error", "skipped"]
    claimed_ms: int
    ended_ms: int | None = None
    result: Result | None = None

    def shown(self) -> RunEntry:
        """The ledger entry of an ended run."""
        result = self.result or Result(outcome="error", error="no result was recorded")
        ended_ms = self.ended_ms or self.claimed_ms
        completion = {"ok": "succeeded", "error": "failed", "skipped": "unknown"}[result.outcome]
        return RunEntry(
            ts=ended_ms,
            job_id=self.job_id,
            action="finished",
            status=result.outcome,
            completion_status=completion,  # pyright: ignore[reportArgumentType] - the values above
            run_id=self.run_id,
            run_at_ms=self.slot_ms if self.slot_ms is not None else self.claimed_ms,
            duration_ms=ended_ms - self.claimed_ms,
            delivered=result.delivery_status == "delivered",
            delivery_status=result.delivery_status,
            delivery_error=result.delivery_error,
            error=result.error,
            summary=result.summary,
            session_key=result.session_key,
            session_id=result.session_id,
            model=result.model,
            provider=result.provider,
            usage=result.usage,
            job_name=self.job_name,
        )


class Performer(Protocol):
    """Carries out a claimed run.

    Performing the same `run_id` again, after a crash, must continue or report the first attempt.
    """

    async def perform(self, job: Job, run: Run) -> Result:
        """Do what the job says and return how it ended; a failure is a result, not an exception."""
        ...


Action = Literal["added", "updated", "started", "finished", "removed"]

Announce = Callable[[Action, Job, Run | None], None]
"""Tells everyone: the action, the job after it, and the run it is about."""
