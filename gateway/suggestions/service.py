"""Suggested tasks are kept until a person decides, then worked on like any other message."""

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.store.db import Database
from gateway.suggestions import store
from protocol.errors import NotFound
from protocol.events.suggestions import TaskSuggestionChanged
from protocol.ids import checked_id, checked_session_key, new_id
from protocol.methods.suggestions import TaskSuggestionsCreate
from protocol.nouns.suggestion import TaskSuggestion

MAX_SUGGESTIONS: Final = 200
"""An agent that suggests without end pushes out its own oldest ones."""

StartWork = Callable[[Ctx, TaskSuggestion], Awaitable[str]]
"""Hands a suggestion to an agent, once per suggestion id, and returns the session that works on it."""


class Suggestions:
    """Keeps, lists, accepts and dismisses."""

    def __init__(self, db: Database, start_work: StartWork, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._start_work = start_work
        self._hub = hub
        self._clock = clock

    async def waiting(self, session_key: str | None, agent_id: str | None) -> list[TaskSuggestion]:
        """Suggestions that wait, newest first, of a session or an agent."""
        return [
            suggestion
            for suggestion in await self._db.read(store.every)
            if session_key in {None, suggestion.session_key} and agent_id in {None, suggestion.agent_id}
        ]

    async def suggest(self, call: TaskSuggestionsCreate) -> TaskSuggestion:
        """Keep a suggestion.

        Raises:
            InvalidRequest: when its session key or agent id cannot be one.
        """
        suggestion = TaskSuggestion(
            id=new_id(),
            title=call.title,
            prompt=call.prompt,
            tldr=call.tldr,
            cwd=call.cwd,
            session_key=checked_session_key(call.session_key),
            created_at=self._clock.now_ms(),
            agent_id=checked_id(call.agent_id, "agentId") if call.agent_id is not None else None,
        )
        _, expired = await self._db.write(
            lambda tx: (store.insert(tx, suggestion), store.trim(tx, MAX_SUGGESTIONS))
        )
        self._hub.publish(TaskSuggestionChanged(action="created", suggestion=suggestion))
        for task_id in expired:
            self._gone(task_id, "expired")
        return suggestion

    async def accept(self, ctx: Ctx, task_id: str) -> str:
        """Start the work, then forget the suggestion; returns the session that works on it.

        Raises:
            NotFound: when there is no such suggestion.
            GatewayError: when the work was not accepted; the suggestion stays.
        """
        suggestion = await self._db.read(lambda tx: store.find(tx, task_id))
        if suggestion is None:
            raise NotFound(f"taskId: no suggestion {task_id}", {"field": "taskId"})
        session_key = await self._start_work(ctx, suggestion)
        await self._remove(task_id, "accepted")
        return session_key

    async def dismiss(self, task_id: str) -> bool:
        """Forget a suggestion; false when there was none."""
        return await self._remove(task_id, "dismissed")

    async def _remove(self, task_id: str, resolution: Literal["accepted", "dismissed"]) -> bool:
        removed = await self._db.write(lambda tx: store.delete(tx, task_id))
        if removed:
            self._gone(task_id, resolution)
        return removed

    def _gone(self, task_id: str, resolution: Literal["accepted", "dismissed", "expired"]) -> None:
        self._hub.publish(TaskSuggestionChanged(action="resolved", task_id=task_id, resolution=resolution))
