"""Methods of suggested tasks."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.suggestions.service import Suggestions
from protocol.errors import InvalidRequest
from protocol.methods.suggestions import (
    TaskAccepted,
    TaskDismissed,
    TaskSuggested,
    TaskSuggestions,
    TaskSuggestionsAccept,
    TaskSuggestionsCreate,
    TaskSuggestionsDismiss,
    TaskSuggestionsList,
)


class SuggestionsApi:
    """Answers for suggested tasks."""

    def __init__(self, suggestions: Suggestions) -> None:
        self._suggestions = suggestions

    @handles(TaskSuggestionsList)
    async def list(self, _: Ctx, call: TaskSuggestionsList) -> TaskSuggestions:
        """See `TaskSuggestionsList`."""
        waiting = await self._suggestions.waiting(call.session_key, call.agent_id)
        return TaskSuggestions(suggestions=waiting)

    @handles(TaskSuggestionsCreate)
    async def create(self, _: Ctx, call: TaskSuggestionsCreate) -> TaskSuggested:
        """See `TaskSuggestionsCreate`."""
        suggestion = await self._suggestions.suggest(call)
        return TaskSuggested(task_id=suggestion.id, suggestion=suggestion)

    @handles(TaskSuggestionsAccept)
    async def accept(self, ctx: Ctx, call: TaskSuggestionsAccept) -> TaskAccepted:
        """See `TaskSuggestionsAccept`."""
        if call.mode not in {"session", "local"}:
            raise InvalidRequest(f"mode: {call.mode} is not available here; use session", {"field": "mode"})
        return TaskAccepted(task_id=call.task_id, key=await self._suggestions.accept(ctx, call.task_id))

    @handles(TaskSuggestionsDismiss)
    async def dismiss(self, _: Ctx, call: TaskSuggestionsDismiss) -> TaskDismissed:
        """See `TaskSuggestionsDismiss`."""
        dismissed = await self._suggestions.dismiss(call.task_id)
        return TaskDismissed(task_id=call.task_id, dismissed=dismissed)
