"""Scheduled jobs: when, what, where the result goes, and what became of it.

Source: `CronJob` and its parts in OpenClaw's schema (2026.9.1), and recorded jobs. Times are Unix ms.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from protocol.errors import JsonValue
from protocol.method import Wire

RunOutcome: TypeAlias = Literal["ok", "error", "skipped"]

DeliveryStatus: TypeAlias = Literal["delivered", "not-delivered", "unknown", "not-requested"]

Text = Annotated[str, Meta(min_length=1, max_length=65_536)]

Name = Annotated[str, Meta(min_length=1, max_length=200)]

LAST_INSTANT_MS = 253_402_300_799_999
"""The end of the year 9999, the last time that can be shown."""


class AtSchedule(Wire, tag_field="kind", tag="at"):
    """Once, at an ISO 8601 time; without an offset it is UTC."""

    at: Name


class EverySchedule(Wire, tag_field="kind", tag="every"):
    """Again and again, `every_ms` apart, counted from `anchor_ms` (creation when absent)."""

    every_ms: Annotated[int, Meta(ge=1_000, le=366 * 86_400_000)]
    anchor_ms: Annotated[int, Meta(ge=0, le=LAST_INSTANT_MS)] | None = None


class CronSchedule(Wire, tag_field="kind", tag="cron"):
    """At the times of a cron expression, in an IANA time zone (UTC when absent)."""

    expr: Name
    tz: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


Schedule: TypeAlias = AtSchedule | EverySchedule | CronSchedule


class SystemEventPayload(Wire, tag_field="kind", tag="systemEvent"):
    """A note to the agent's main session."""

    text: Text
    tools_allow: list[Name] | None = None


class AgentTurnPayload(Wire, tag_field="kind", tag="agentTurn"):
    """A message an agent answers."""

    message: Text
    model: Name | None = None
    thinking: Name | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    light_context: bool | None = None
    tools_allow: list[Name] | None = None


Payload: TypeAlias = SystemEventPayload | AgentTurnPayload


class Delivery(Wire):
    """Where the answer goes besides its session."""

    mode: Literal["none", "announce"]
    channel: Name | None = None
    to: Name | None = None
    account_id: Name | None = None
    thread_id: str | int | None = None
    best_effort: bool | None = None
    """True: a failed delivery does not make the run an error."""


class JobState(Wire):
    """Where a job stands."""

    next_run_at_ms: int | None = None
    running_at_ms: int | None = None
    last_run_at_ms: int | None = None
    last_run_status: RunOutcome | None = None
    last_status: RunOutcome | None = None
    last_error: str | None = None
    last_duration_ms: int | None = None
    consecutive_errors: int | None = None
    last_delivered: bool | None = None
    last_delivery_status: DeliveryStatus | None = None
    last_delivery_error: str | None = None


class CronJob(Wire):
    """One job as it is stored, with its state."""

    id: str
    name: str
    enabled: bool
    created_at_ms: int
    updated_at_ms: int
    schedule: Schedule
    session_target: str
    """`main`, `isolated`, `current` or a session key."""
    wake_mode: Literal["next-heartbeat", "now"]
    payload: Payload
    state: JobState
    config_revision: str
    """Changes with every edit; send it back as `expectedConfigRevision` to edit safely."""
    display_name: str | None = None
    description: str | None = None
    agent_id: str | None = None
    session_key: str | None = None
    delete_after_run: bool | None = None
    delivery: Delivery | None = None
    failure_alert: JsonValue = None
    next_run_at_ms: int | None = None
    last_run_at_ms: int | None = None
    last_run_status: RunOutcome | None = None
    last_run_error: str | None = None


class RunEntry(Wire):
    """One finished run in the ledger; `skipped` also stands for a slot that was missed."""

    ts: int
    job_id: str
    action: Literal["finished"]
    status: RunOutcome
    completion_status: Literal["succeeded", "failed", "unknown"]
    run_id: str
    run_at_ms: int
    duration_ms: int
    delivered: bool
    delivery_status: DeliveryStatus
    delivery_error: str | None = None
    error: str | None = None
    summary: str | None = None
    session_key: str | None = None
    session_id: str | None = None
    next_run_at_ms: int | None = None
    model: str | None = None
    provider: str | None = None
    usage: dict[str, int] | None = None
    job_name: str | None = None
