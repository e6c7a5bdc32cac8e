"""Changes of background work."""

from typing import Literal

from protocol.method import Event, event
from protocol.nouns.task import TaskSummary
from protocol.scopes import Scope


@event("task", Scope.READ)
class TaskChanged(Event):
    """A task began, advanced or ended."""

    action: Literal["upserted"]
    task: TaskSummary
