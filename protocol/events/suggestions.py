"""Events about suggested tasks."""

from typing import Literal

from protocol.method import Event, event
from protocol.nouns.suggestion import TaskSuggestion
from protocol.scopes import Scope


@event("task.suggestion", Scope.READ)
class TaskSuggestionChanged(Event):
    """A suggestion appeared (`created`) or is gone (`resolved`)."""

    action: Literal["created", "resolved"]
    suggestion: TaskSuggestion | None = None
    task_id: str | None = None
    resolution: Literal["dismissed", "accepted", "expired"] | None = None
