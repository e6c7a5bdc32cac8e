"""Scheduled jobs.

Source: OpenClaw docs/automation/cron-jobs (2026.9.6) and recorded calls. A job is named by `id` or `jobId`.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.errors import InvalidRequest, JsonValue
from protocol.method import UNSET, Call, Maybe, Wire, method
from protocol.nouns.cron import CronJob, Delivery, Name, Payload, RunEntry, RunOutcome, Schedule
from protocol.scopes import Scope

Id = Annotated[str, Meta(min_length=1, max_length=128)]

Offset = Annotated[int, Meta(ge=0, le=1_000_000_000)]

PageSize = Annotated[int, Meta(ge=1, le=200)]

Target = Annotated[str, Meta(min_length=1, max_length=512)]

Description = Annotated[str, Meta(max_length=4096)]

WakeMode = Literal["next-heartbeat", "now"]


class JobChoice(Wire):
    """Names a job; every method about one job has these two fields."""

    id: Id | None = None
    job_id: Id | None = None

    def chosen(self) -> str:
        """The job's id.

        Raises:
            InvalidRequest: when neither field is given.
        """
        job_id = self.id or self.job_id
        if job_id is None:
            raise InvalidRequest("id: name the job", {"field": "id"})
        return job_id


class DeliveryPreview(Wire):
    """What would happen with the answer."""

    label: str
    detail: str


class CronJobPage(Wire):
    """A page of the job list."""

    jobs: list[CronJob]
    total: int
    offset: int
    limit: int
    has_more: bool
    next_offset: int | None
    snapshot_revision: str
    """Changes when any job does."""
    delivery_previews: dict[str, DeliveryPreview] | None = None


class CronState(Wire):
    """The scheduler."""

    enabled: bool
    triggers_enabled: bool
    store_path: str
    storage: str
    sqlite_path: str
    jobs: int
    next_wake_at_ms: int | None


class CronStarted(Wire):
    """What became of a request to run now."""

    ok: bool
    process_instance_id: str
    enqueued: bool | None = None
    run_id: str | None = None
    ran: bool | None = None
    reason: Literal["already-running", "not-due", "disabled"] | None = None


class CronRunPage(Wire):
    """A page of the ledger."""

    entries: list[RunEntry]
    total: int
    offset: int
    limit: int
    has_more: bool
    next_offset: int | None


class Removed(Wire):
    """Whether there was something to remove."""

    ok: bool
    removed: bool


class Scratch(Wire):
    """A job's own notes, kept between its runs."""

    content: str
    revision: int
    updated_at_ms: int


class ScratchView(Wire):
    """The notes, or that there are none."""

    scratch: Scratch | None
    current_revision: int
    max_bytes: int
    ok: bool | None = None


@method("cron.status", Scope.READ)
class CronStatus(Call[CronState]):
    """Whether jobs run, and when the next one does."""


@method("cron.list", Scope.READ)
class CronList(Call[CronJobPage]):
    """Jobs, filtered and sorted."""

    include_disabled: bool = False
    enabled: Literal["all", "enabled", "disabled"] | None = None
    query: Annotated[str, Meta(max_length=512)] | None = None
    """Part of a name or description, or a whole id."""
    schedule_kind: Literal["all", "at", "every", "cron", "on-exit", "stream"] = "all"
    last_run_status: Literal["all", "ok", "error", "skipped", "unknown"] = "all"
    agent_id: Id | None = None
    sort_by: Literal["nextRunAtMs", "updatedAtMs", "name"] = "nextRunAtMs"
    sort_dir: Literal["asc", "desc"] = "asc"
    limit: PageSize = 50
    offset: Offset = 0
    include_delivery_previews: bool = True


@method("cron.get", Scope.READ)
class CronGet(JobChoice, Call[CronJob]):
    """One job.

    Errors: `INVALID_REQUEST` (`CRON_JOB_NOT_FOUND`).
    """


@method("cron.add", Scope.ADMIN)
class CronAdd(Call[CronJob]):
    """Create a job and return it as stored.

    Errors: `INVALID_REQUEST` when the schedule or target cannot be.
    """

    name: Name
    schedule: Schedule
    payload: Payload
    session_target: Target
    wake_mode: WakeMode = "now"
    enabled: bool = True
    display_name: Name | None = None
    description: Description | None = None
    agent_id: Id | None = None
    session_key: Target | None = None
    delete_after_run: bool | None = None
    delivery: Delivery | None = None
    failure_alert: JsonValue = None


class CronPatch(Wire):
    """What to change; absent fields stay, null clears."""

    name: Maybe[Name] = UNSET
    schedule: Maybe[Schedule] = UNSET
    payload: Maybe[Payload] = UNSET
    session_target: Maybe[Target] = UNSET
    wake_mode: Maybe[WakeMode] = UNSET
    enabled: Maybe[bool] = UNSET
    display_name: Maybe[Name | None] = UNSET
    description: Maybe[Description] = UNSET
    agent_id: Maybe[Id | None] = UNSET
    session_key: Maybe[Target | None] = UNSET
    delete_after_run: Maybe[bool] = UNSET
    delivery: Maybe[Delivery | None] = UNSET
    failure_alert: Maybe[JsonValue] = UNSET


@method("cron.update", Scope.ADMIN)
class CronUpdate(JobChoice, Call[CronJob]):
    """Change a job and return it as stored.

    Errors: `INVALID_REQUEST` (`CRON_JOB_NOT_FOUND`, or `CONFLICT` when it changed since it was read).
    """

    patch: CronPatch
    expected_config_revision: Id | None = None


@method("cron.remove", Scope.ADMIN)
class CronRemove(JobChoice, Call[Removed]):
    """Delete a job; its ledger stays.

    Errors: `INVALID_REQUEST` (`CRON_JOB_NOT_FOUND`).
    """


@method("cron.run", Scope.ADMIN)
class CronRun(JobChoice, Call[CronStarted]):
    """Run a job now; `force` also a disabled one, `due` only when its time has come.

    Errors: `INVALID_REQUEST` (`CRON_JOB_NOT_FOUND`).
    """

    mode: Literal["due", "force", "if-enabled"] = "force"


@method("cron.runs", Scope.READ)
class CronRuns(JobChoice, Call[CronRunPage]):
    """The ledger: finished runs and missed slots."""

    scope: Literal["job", "all"] | None = None
    run_id: Annotated[str, Meta(max_length=256)] | None = None
    agent_id: Id | None = None
    status: Literal["all", "ok", "error", "skipped"] = "all"
    statuses: Annotated[list[RunOutcome], Meta(max_length=3)] | None = None
    sort_dir: Literal["asc", "desc"] = "desc"
    limit: PageSize = 50
    offset: Offset = 0


@method("cron.scratch.get", Scope.ADMIN)
class CronScratchGet(JobChoice, Call[ScratchView]):
    """A job's notes.

    Errors: `INVALID_REQUEST` (`CRON_JOB_NOT_FOUND`).
    """


@method("cron.scratch.set", Scope.ADMIN)
class CronScratchSet(JobChoice, Call[ScratchView]):
    """Replace a job's notes; null removes them.

    Errors: `INVALID_REQUEST` (`CRON_JOB_NOT_FOUND`, or `CONFLICT` when the revision moved on).
    """

    content: Annotated[str, Meta(max_length=262_144)] | None
    expected_revision: Annotated[int, Meta(ge=0)] | None = None
