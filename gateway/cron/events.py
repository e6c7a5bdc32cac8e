"""The `cron` event."""

from typing import Final

from gateway.cron.model import Action, Job, Run
from protocol.events.cron import CronEvent
from protocol.nouns.cron import RunEntry

_OUTCOME: Final = tuple(
    sorted(
        set(CronEvent.__struct_fields__)
        & set(RunEntry.__struct_fields__) - {"job_id", "action", "run_id", "run_at_ms", "next_run_at_ms"}
    )
)
"""What an event about an ended run repeats of its ledger entry."""


def event_of(action: Action, job: Job, run: Run | None) -> CronEvent:
    """The event for something that happened to a job: with the run it is about, and how that ended."""
    entry = run.shown() if run is not None and run.result is not None else None
    outcome = {} if entry is None else {name: getattr(entry, name) for name in _OUTCOME}
    return CronEvent(
        job_id=job.id,
        action=action,
        job=job.shown(),
        run_id=run.run_id if run is not None else None,
        run_at_ms=run.claimed_ms if run is not None else None,
        next_run_at_ms=job.due_ms,
        **outcome,
    )
