"""Background work as clients list it."""

from typing import Literal, TypeAlias

from protocol.method import Wire

TaskStatus: TypeAlias = Literal["queued", "running", "completed", "failed", "cancelled", "timed_out"]

DeliveryStatus: TypeAlias = Literal[
    "pending", "delivered", "session_queued", "failed", "dismissed", "parent_missing", "not_applicable"
]


class TaskSummary(Wire):
    """One piece of work: what it is, how far it is, how it ended. Times are Unix milliseconds."""

    id: str
    status: TaskStatus
    task_id: str | None = None
    """The same as `id`; clients read either."""
    kind: str | None = None
    """What started it: `cli` for the method `agent`, `cron` for a job."""
    runtime: str | None = None
    title: str | None = None
    agent_id: str | None = None
    session_key: str | None = None
    child_session_key: str | None = None
    owner_key: str | None = None
    run_id: str | None = None
    source_id: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    tool_use_count: int | None = None
    last_tool_name: str | None = None
    last_activity: str | None = None
    """At most 200 characters of what it said last."""
    terminal_summary: str | None = None
    error: str | None = None
    delivery_status: DeliveryStatus | None = None
