"""Tasks an agent suggests; a person accepts or dismisses them.

Source: `TaskSuggestion*` definitions of OpenClaw's schema (2026.9.1).
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.suggestion import Cwd, Key, Prompt, TaskId, TaskSuggestion, Title, Tldr
from protocol.scopes import Scope


class TaskSuggestions(Wire):
    """Suggestions that wait."""

    suggestions: list[TaskSuggestion]


class TaskSuggested(Wire):
    """A stored suggestion."""

    task_id: str
    suggestion: TaskSuggestion


class TaskAccepted(Wire):
    """The session that works on it."""

    task_id: str
    key: str


class TaskDismissed(Wire):
    """Whether there was something to dismiss."""

    task_id: str
    dismissed: bool


@method("taskSuggestions.list", Scope.READ)
class TaskSuggestionsList(Call[TaskSuggestions]):
    """Suggestions that wait, newest first."""

    session_key: Key | None = None
    agent_id: TaskId | None = None


@method("taskSuggestions.create", Scope.WRITE)
class TaskSuggestionsCreate(Call[TaskSuggested]):
    """Suggest a task."""

    title: Title
    prompt: Prompt
    tldr: Tldr
    cwd: Cwd
    session_key: Key
    agent_id: TaskId | None = None


@method("taskSuggestions.accept", Scope.ADMIN)
class TaskSuggestionsAccept(Call[TaskAccepted]):
    """Let an agent do it, in a session of its own.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`), or when `mode` needs what is not here.
    """

    task_id: TaskId
    mode: Literal["worktree", "local", "cloud", "session"] = "session"


@method("taskSuggestions.dismiss", Scope.WRITE)
class TaskSuggestionsDismiss(Call[TaskDismissed]):
    """Forget a suggestion."""

    task_id: TaskId
    reason: Annotated[str, Meta(max_length=1024)] | None = None
