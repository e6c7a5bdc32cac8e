"""What happens to scheduled jobs."""

from typing import Literal

from protocol.method import Event, event
from protocol.nouns.cron import CronJob, DeliveryStatus, RunOutcome
from protocol.scopes import Scope


@event("cron", Scope.READ)
class CronEvent(Event):
    """A job was added, changed, started, finished or removed; `job` is its state after that."""

    job_id: str
    action: Literal["added", "updated", "started", "finished", "removed"]
    job: CronJob | None = None
    run_id: str | None = None
    run_at_ms: int | None = None
    next_run_at_ms: int | None = None
    status: RunOutcome | None = None
    completion_status: str | None = None
    error: str | None = None
    summary: str | None = None
    duration_ms: int | None = None
    delivered: bool | None = None
    delivery_status: DeliveryStatus | None = None
    delivery_error: str | None = None
    session_key: str | None = None
    session_id: str | None = None
    model: str | None = None
    provider: str | None = None
