"""A task as the ledger keeps it."""

from typing import Literal, TypeAlias

import msgspec

from protocol.nouns.task import TaskStatus, TaskSummary

TaskKind: TypeAlias = Literal["cli", "cron", "webhook"]

OPEN: frozenset[TaskStatus] = frozenset({"queued", "running"})
"""States that can still change."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger. Times are Unix milliseconds."""

    id: str
    run_id: str | None
    kind: TaskKind
    status: TaskStatus
    title: str
    agent_id: str | None
    session_key: str | None
    created_ms: int
    updated_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    tool_use_count: int = 0
    last_tool_name: str | None = None
    summary: str | None = None
    error: str | None = None

    def wire(self) -> TaskSummary:
        """The task as clients see it."""
        return TaskSummary(
            id=self.id,
            task_id=self.id,
            kind=self.kind,
            runtime=self.kind,
            status=self.status,
            title=self.title,
            agent_id=self.agent_id,
            session_key=self.session_key,
            child_session_key=self.session_key,
            owner_key=self.session_key,
            run_id=self.run_id,
            source_id=self.run_id,
            created_at=self.created_ms,
            updated_at=self.updated_ms,
            started_at=self.started_ms,
            ended_at=self.ended_ms,
            tool_use_count=self.tool_use_count or None,
            last_tool_name=self.last_tool_name,
            terminal_summary=self.summary,
            error=self.error,
            delivery_status="not_applicable",
        )
