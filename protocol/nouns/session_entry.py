"""What a change of a session answers with: the session as stored, and what follows from its settings."""

from protocol.method import Wire
from protocol.nouns.session import (
    Actor,
    ChatType,
    CreatedVia,
    ForkSource,
    PermissionMode,
    RunStatus,
)


class EntryActor(Wire):
    """Who created the session, as stored."""

    type: str
    source: str | None = None
    id: str | None = None


class EntryDelivery(Wire):
    """Where replies go: `none` for operators, `channel` for a conversation on a channel."""

    kind: str
    channel: str | None = None
    to: str | None = None
    account_id: str | None = None


class SessionEntry(Wire):
    """A session as stored. Times are Unix milliseconds; what was never set is absent."""

    session_id: str
    lifecycle_revision: str
    updated_at: int
    created_at: int
    session_started_at: int
    created_via: CreatedVia
    delivery: EntryDelivery
    spawn_depth: int
    created_actor: EntryActor | None = None
    label: str | None = None
    display_name: str | None = None
    category: str | None = None
    chat_type: ChatType | None = None
    last_interaction_at: int | None = None
    last_activity_at: int | None = None
    last_read_at: int | None = None
    marked_unread_at: int | None = None
    pinned_at: int | None = None
    archived_at: int | None = None
    archive_reason: str | None = None
    archived_by: Actor | None = None
    parent_session_key: str | None = None
    parent_session_id: str | None = None
    previous_session_id: str | None = None
    fork_source: ForkSource | None = None
    forked_from_parent: bool | None = None
    status: RunStatus | None = None
    started_at: int | None = None
    ended_at: int | None = None
    runtime_ms: int | None = None
    aborted_last_run: bool | None = None
    system_sent: bool | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    total_tokens_fresh: bool | None = None
    estimated_cost_usd: float | None = None
    model_provider: str | None = None
    model: str | None = None
    icon: str | None = None
    color: str | None = None
    board_face: str | None = None
    thinking_level: str | None = None
    fast_mode: bool | str | None = None
    verbose_level: str | None = None
    trace_level: str | None = None
    reasoning_level: str | None = None
    response_usage: str | None = None
    elevated_level: str | None = None
    permission_mode: PermissionMode | None = None
    queue_mode: str | None = None
    send_policy: str | None = None
    group_activation: str | None = None


class ResolvedRuntime(Wire):
    """What executes the session's turns."""

    id: str
    source: str


class ResolvedModel(Wire):
    """Which model answers after all choices."""

    model_provider: str | None
    model: str | None
    agent_runtime: ResolvedRuntime | None = None
    runtime_selection_locked: bool | None = None
