"""The ledger of background work."""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.task import TaskStatus, TaskSummary
from protocol.scopes import Scope

TaskId = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]


class TasksPage(Wire):
    """Newest first."""

    tasks: list[TaskSummary]
    next_cursor: str | None = None
    """Give it back as `cursor`; absent on the last page."""


@method("tasks.list", Scope.READ)
class TasksList(Call[TasksPage]):
    """List background work, newest first."""

    status: TaskStatus | Annotated[list[TaskStatus], Meta(max_length=16)] | None = None
    agent_id: Name | None = None
    session_key: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    cursor: Annotated[str, Meta(max_length=2048)] | None = None
    sort_by: Literal["createdAt", "updatedAt", "endedAt"] = "createdAt"


class TaskFound(Wire):
    """One task."""

    task: TaskSummary


@method("tasks.get", Scope.READ)
class TasksGet(Call[TaskFound]):
    """Read one task.

    Errors: ``NOT_FOUND``.
    """

    task_id: TaskId


class TaskCancelled(Wire):
    """What became of a request to cancel."""

    found: bool
    cancelled: bool
    """False when it had already ended."""
    reason: str | None = None
    task: TaskSummary | None = None


@method("tasks.cancel", Scope.WRITE)
class TasksCancel(Call[TaskCancelled]):
    """Stop a task that is queued or running."""

    task_id: TaskId
    reason: Annotated[str, Meta(max_length=1000)] | None = None
