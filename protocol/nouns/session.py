"""A session as clients see it: one row of a list, its stored entry, and what surrounds a list."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from protocol.method import Wire

SessionKind = Literal["direct", "group", "global", "unknown"]
ChatType = Literal["direct", "group", "channel"]
CreatedVia = Literal["operator", "spawn", "channel", "cron", "talk", "run", "plugin", "internal"]
RunStatus = Literal["queued", "running", "done", "failed", "killed", "timeout"]
PermissionMode = Literal["read-only", "guarded", "workspace", "full"]
SharingRole = Literal["admin", "owner", "member", "viewer"]
Visibility = Literal["shared", "read-only", "suggest", "draft"]
QueueMode = Literal["steer", "followup", "collect", "interrupt"]
ResponseUsage = Literal["off", "tokens", "full", "on"]

Label = Annotated[str, Meta(min_length=1, max_length=512)]
"""A name a person gave: of a session or of a group of sessions."""


class Identity(Wire):
    """Who an actor is.

    `profile` and `agent` carry an id of this gateway; `observation` is a sender only seen.
    """

    type: Literal["profile", "agent", "observation"]
    id: str
    plugin_id: str | UnsetType | None = UNSET
    account_id: str | UnsetType | None = UNSET
    sender_kind: Literal["human", "bot", "unknown"] | UnsetType = UNSET


class Actor(Wire):
    """Who created, owns or archived a session."""

    type: Literal["human", "agent", "system"]
    id: str | None = None
    label: str | None = None
    avatar_url: str | None = None
    identity: Identity | None = None


class Owner(Wire):
    """The person or agent a session belongs to now."""

    actor: Actor
    assigned_by: Actor | None = None
    assigned_at: int | None = None


class Participant(Wire):
    """Somebody who spoke in a session."""

    identity: Identity
    label: str | None = None
    avatar_url: str | None = None


class ThinkingLevel(Wire):
    """One choice of how long a model may think."""

    id: str
    label: str


class DevicePlacement(Wire):
    """What a device would need to run the agent; ours runs in the gateway and needs nothing."""

    required_node_commands: list[str]
    consumes_worker_slot: bool


class AgentRuntime(Wire):
    """What executes an agent's turns."""

    id: str
    cloud_placement_supported: bool
    device_placement_supported: bool
    source: str


class ForkSource(Wire):
    """The conversation another one was copied from."""

    session_key: str
    session_id: str
    entry_id: str | None = None


class SessionDefaults(Wire):
    """What a new session of the agent starts with."""

    model_provider: str | None
    model: str | None
    context_tokens: int | None
    agent_runtime: AgentRuntime
    thinking_levels: list[ThinkingLevel]
    thinking_options: list[str]
    thinking_default: str
    model_selection_target: Literal["session"]


class SessionRow(Wire):
    """One session in a list, in an event, or as `sessionInfo` beside a history. Times are Unix milliseconds.

    An absent optional field clears what a client held before.
    """

    key: str
    kind: SessionKind
    classification: str
    is_main: bool
    is_background: bool
    updated_at: int | None
    """`null` while the session is only a name and nothing was said in it."""
    archived: bool
    pinned: bool
    unread: bool
    permission_mode_pending: bool
    effective_fast_mode: bool
    effective_fast_mode_source: str
    fast_auto_on_seconds: int
    total_tokens_fresh: bool
    effective_response_usage: str
    effective_queue_mode: str
    model_override_source: Literal["user", "auto"] | None
    runtime_selection_locked: bool
    agent_runtime: AgentRuntime
    snapshot_at: int
    has_active_run: bool
    active_run_ids: list[str]
    visibility: Visibility | None = None
    permission_mode: PermissionMode | None = None
    spawn_depth: int | None = None
    created_via: CreatedVia | None = None
    created_actor: Actor | None = None
    owner: Owner | None = None
    participants: list[Participant] | None = None
    """At most four, the owner excepted."""
    expanded_participants: list[Participant] | None = None
    participant_count: int | None = None
    created_at: int | None = None
    agent_id: str | None = None
    label: str | None = None
    display_name: str | None = None
    derived_title: str | None = None
    last_message_preview: str | None = None
    icon: str | None = None
    color: str | None = None
    category: str | None = None
    board_face: Literal["chat", "dashboard"] | None = None
    channel: str | None = None
    account_id: str | None = None
    chat_type: ChatType | None = None
    archived_at: int | None = None
    archived_by: Actor | None = None
    archive_reason: str | None = None
    pinned_at: int | None = None
    last_read_at: int | None = None
    marked_unread_at: int | None = None
    last_interaction_at: int | None = None
    """Last input of a person or channel."""
    last_activity_at: int | None = None
    """End of the last run."""
    session_id: str | None = None
    system_sent: bool | None = None
    aborted_last_run: bool | None = None
    thinking_level: str | None = None
    thinking_levels: list[ThinkingLevel] | None = None
    thinking_options: list[str] | None = None
    thinking_default: str | None = None
    fast_mode: bool | Literal["auto"] | None = None
    verbose_level: str | None = None
    trace_level: str | None = None
    reasoning_level: str | None = None
    response_usage: str | None = None
    elevated_level: str | None = None
    send_policy: Literal["allow", "deny"] | None = None
    group_activation: Literal["mention", "always"] | None = None
    queue_mode: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    estimated_cost_usd: float | None = None
    status: RunStatus | None = None
    started_at: int | None = None
    ended_at: int | None = None
    runtime_ms: int | None = None
    last_run_id: str | None = None
    last_run_error: str | None = None
    parent_session_key: str | None = None
    parent_session_id: str | None = None
    previous_session_id: str | None = None
    fork_source: ForkSource | None = None
    forked_from_parent: bool | None = None
    child_sessions: list[str] | None = None
    spawned_by: str | None = None
    model_provider: str | None = None
    model: str | None = None
    context_tokens: int | None = None
    delivery_context: dict[str, str] | None = None
    last_channel: str | None = None
    last_to: str | None = None
    last_account_id: str | None = None
    active_leaf_entry_id: str | UnsetType | None = UNSET
    """Only beside a history: the entry the next message answers, `null` while there is none."""
    sharing_role: SharingRole | None = None
