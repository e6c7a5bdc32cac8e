"""What a gateway says when sessions change or something is said in them.

Source: payloads of OpenClaw 2026.9.6 as recorded, and its docs/gateway/protocol/rpc-bootstrap-and-events.md.
"""

from typing import Literal

from protocol.errors import JsonValue
from protocol.method import UNSET, Event, Maybe, event
from protocol.nouns.message import TranscriptMessage
from protocol.nouns.session import (
    Actor,
    AgentRuntime,
    ChatType,
    CreatedVia,
    ForkSource,
    Owner,
    Participant,
    PermissionMode,
    RunStatus,
    SessionKind,
    SessionRow,
    Visibility,
)
from protocol.scopes import Scope

RunPhase = Literal["start", "end", "error"]


class SessionFacts(Event):
    """What older clients read beside the row: the same facts, with `null` where one is cleared."""

    session: SessionRow | None = None
    """The whole row; what it leaves out is cleared, except where the fields beside it say otherwise."""
    agent_id: str | None = None
    session_id: str | None = None
    updated_at: int | None = None
    kind: SessionKind | None = None
    visibility: Visibility | None = None
    created_actor: Maybe[Actor | None] = UNSET
    owner: Maybe[Owner | None] = UNSET
    participants: list[Participant] | None = None
    participant_count: int | None = None
    channel: str | None = None
    chat_type: ChatType | None = None
    archived: bool | None = None
    archived_at: Maybe[int | None] = UNSET
    archived_by: Maybe[Actor | None] = UNSET
    archive_reason: Maybe[str | None] = UNSET
    pinned: bool | None = None
    pinned_at: Maybe[int | None] = UNSET
    unread: bool | None = None
    last_read_at: int | None = None
    marked_unread_at: Maybe[int | None] = UNSET
    last_activity_at: int | None = None
    spawned_by: str | None = None
    spawn_depth: int | None = None
    permission_mode: Maybe[PermissionMode | None] = UNSET
    permission_mode_pending: bool | None = None
    forked_from_parent: bool | None = None
    fork_source: ForkSource | None = None
    created_via: CreatedVia | None = None
    created_at: int | None = None
    previous_session_id: str | None = None
    label: Maybe[str | None] = UNSET
    icon: Maybe[str | None] = UNSET
    color: Maybe[str | None] = UNSET
    category: Maybe[str | None] = UNSET
    display_name: Maybe[str | None] = UNSET
    delivery_context: dict[str, str] | None = None
    parent_session_key: str | None = None
    child_sessions: list[str] | None = None
    thinking_level: Maybe[str | None] = UNSET
    fast_mode: bool | Literal["auto"] | None = None
    effective_fast_mode: bool | None = None
    effective_fast_mode_source: str | None = None
    fast_auto_on_seconds: int | None = None
    verbose_level: str | None = None
    trace_level: str | None = None
    reasoning_level: str | None = None
    elevated_level: str | None = None
    send_policy: Literal["allow", "deny"] | None = None
    system_sent: bool | None = None
    aborted_last_run: bool | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    total_tokens_fresh: bool | None = None
    estimated_cost_usd: float | None = None
    context_tokens: int | None = None
    last_channel: str | None = None
    last_to: str | None = None
    last_account_id: str | None = None
    response_usage: str | None = None
    effective_response_usage: str | None = None
    model_provider: str | None = None
    model: str | None = None
    model_override_source: Maybe[Literal["user", "auto"] | None] = UNSET
    agent_runtime: AgentRuntime | None = None
    runtime_selection_locked: bool | None = None
    status: RunStatus | None = None
    last_run_id: Maybe[str | None] = UNSET
    last_run_error: Maybe[str | None] = UNSET
    has_active_run: bool | None = None
    active_run_ids: list[str] | None = None
    started_at: int | None = None
    ended_at: Maybe[int | None] = UNSET
    runtime_ms: Maybe[int | None] = UNSET


@event("sessions.changed", Scope.READ)
class SessionsChanged(SessionFacts):
    """A session was created, changed or deleted; without `session_key`, read the list again."""

    session_key: str | None = None
    reason: str | None = None
    phase: RunPhase | None = None
    """Set when a run of the session began or is stored as ended."""
    run_id: str | None = None
    """That run."""
    ts: int | None = None
    catalog_changed: bool | None = None
    """True when another model was chosen."""


@event("session.message", Scope.READ)
class SessionMessage(SessionFacts):
    """A message was stored."""

    session_key: str
    message: TranscriptMessage
    message_id: str
    message_seq: int
    sender_is_owner: bool | None = None


@event("session.tool", Scope.READ, capability="tool-events")
class SessionTool(Event):
    """A tool of a run starts, tells something, or is done.

    `data` is `{phase: "start", name, toolCallId, args}`, `{phase: "update", …, partialResult}` or
    `{phase: "result", …, result, isError}`.
    """

    run_id: str
    stream: Literal["tool"]
    data: dict[str, JsonValue]
    session_key: str
    seq: int
    """Counts within the run."""
    ts: int
    is_heartbeat: bool
    agent_id: str | None = None
    session: SessionRow | None = None
