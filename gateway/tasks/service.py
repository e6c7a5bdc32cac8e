"""The ledger: what runs in the background, on disk for its beginning and end, in memory in between."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from gateway.tasks import store
from gateway.tasks.model import OPEN, Task, TaskKind
from protocol.errors import NotFound
from protocol.events.tasks import TaskChanged
from protocol.method import Event
from protocol.methods.tasks import TasksList, TasksPage
from protocol.nouns.task import TaskStatus, TaskSummary

KEPT_MS: Final = 30 * 24 * 3600 * 1000
"""Ended tasks are kept for 30 days, as long as the runs they stand for."""

MAX_ACTIVITY_CHARS: Final = 200
"""The schema's bound on `lastActivity`."""

Canceller = Callable[[Task], Awaitable[bool]]
"""Stops the work behind a task; False when it had ended meanwhile."""


class Publisher(Protocol):
    """The hub, as far as the ledger needs it."""

    def publish(self, event: Event, /) -> None:
        """Send to every connection that may see it."""
        ...


class TaskLedger:
    """Lists, follows and cancels background work. Whoever does the work reports it here."""

    def __init__(self, db: Database, publisher: Publisher, clock: Clock) -> None:
        self._db = db
        self._publisher = publisher
        self._clock = clock
        self._live: dict[str, Task] = {}
        self._activity: dict[str, str] = {}
        self._cancellers: dict[TaskKind, Canceller] = {}

    def on_cancel(self, kind: TaskKind, cancel: Canceller) -> None:
        """Let `cancel` stop tasks of `kind`."""
        self._cancellers[kind] = cancel

    def announce(self, task: Task) -> None:
        """Tell clients about a task whose row was stored."""
        if task.status in OPEN:
            self._live[task.id] = task
        else:
            self._live.pop(task.id, None)
            self._activity.pop(task.id, None)
        self._publish(task)

    def used_tool(self, task_id: str, name: str) -> None:
        """Note that the work behind a live task started a tool."""
        task = self._live.get(task_id)
        if task is None:
            return
        self._live[task_id] = changed = msgspec.structs.replace(
            task,
            tool_use_count=task.tool_use_count + 1,
            last_tool_name=name,
            updated_ms=self._clock.now_ms(),
        )
        self._publish(changed)

    def said(self, task_id: str, text: str) -> None:
        """Keep the end of what the work said; it is shown with the next change and in lists."""
        if task_id in self._live:
            self._activity[task_id] = " ".join(text[-2 * MAX_ACTIVITY_CHARS :].split())[-MAX_ACTIVITY_CHARS:]

    def current(self, task_id: str) -> Task | None:
        """A live task as it is now."""
        return self._live.get(task_id)

    async def get(self, task_id: str) -> Task:
        """One task.

        Raises:
            NotFound: when there is none.
        """
        task = self._live.get(task_id) or await self._db.read(lambda tx: store.get(tx, task_id))
        if task is None:
            raise NotFound(f"taskId: there is no task {task_id}", {"field": "taskId"})
        return task

    async def cancel(self, task_id: str) -> tuple[Task | None, bool]:
        """Stop a task; returns it as it is then, and whether this call ended it."""
        task = self._live.get(task_id) or await self._db.read(lambda tx: store.get(tx, task_id))
        if task is None or task.status not in OPEN:
            return task, False
        cancel = self._cancellers.get(task.kind)
        cancelled = cancel is not None and await cancel(task)
        return await self._db.read(lambda tx: store.get(tx, task_id)), cancelled

    async def page(self, call: TasksList) -> TasksPage:
        """One page of the ledger.

        Raises:
            InvalidRequest: when `cursor` is not one of this list.
        """
        statuses: tuple[TaskStatus, ...] = ()
        if call.status is not None:
            statuses = tuple(call.status) if isinstance(call.status, list) else (call.status,)
        sort: store.SortKey = _SORTS[call.sort_by]
        wanted = store.Filter(
            statuses=statuses,
            agent_id=call.agent_id,
            session_key=call.session_key,
            sort=sort,
            after=decode_cursor(call.cursor, tuple[int, str]) if call.cursor else None,
            limit=call.limit,
        )
        tasks = await self._db.read(lambda tx: store.page(tx, wanted))
        more = encode_cursor((getattr(tasks[-1], sort), tasks[-1].id)) if len(tasks) == call.limit else None
        return TasksPage(tasks=[self.wire(self._live.get(task.id, task)) for task in tasks], next_cursor=more)

    async def prune(self) -> None:
        """Forget tasks that ended long ago."""
        before_ms = self._clock.now_ms() - KEPT_MS
        await self._db.write(lambda tx: store.prune(tx, before_ms))

    def wire(self, task: Task) -> TaskSummary:
        """The task as clients see it, with what it said last."""
        return msgspec.structs.replace(task.wire(), last_activity=self._activity.get(task.id))

    def _publish(self, task: Task) -> None:
        self._publisher.publish(TaskChanged(action="upserted", task=self.wire(task)))


_SORTS: Final[dict[str, store.SortKey]] = {
    "createdAt": "created_ms",
    "updatedAt": "updated_ms",
    "endedAt": "ended_ms",
}
