"""A session as stored, and what may be changed about it."""

from typing import Literal

import msgspec

from gateway.sessions.keys import SessionKey
from protocol.nouns.session import (
    Actor,
    ChatType,
    CreatedVia,
    ForkSource,
    Identity,
    Owner,
    PermissionMode,
    QueueMode,
    RunStatus,
    SessionKind,
)


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Where replies of a channel conversation go."""

    channel: str | None = None
    to: str | None = None
    account_id: str | None = None
    thread_id: str | None = None


class Overrides(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What was chosen for one session in place of its agent's defaults. `None` means: the default."""

    icon: str | None = None
    color: str | None = None
    board_face: Literal["chat", "dashboard"] | None = None
    status_note: str | None = None
    attention: str | None = None
    model: str | None = None
    """`provider/model`, as the agent's settings spell it."""
    context_window: str | None = None
    thinking_level: str | None = None
    fast_mode: bool | Literal["auto"] | None = None
    verbose_level: str | None = None
    trace_level: str | None = None
    reasoning_level: str | None = None
    response_usage: str | None = None
    elevated_level: str | None = None
    permission_mode: PermissionMode | None = None
    queue_mode: QueueMode | None = None
    send_policy: Literal["allow", "deny"] | None = None
    group_activation: Literal["mention", "always"] | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the index: the table's columns, JSON ones decoded. Times are Unix milliseconds."""

    key: SessionKey
    session_id: str
    """One life of the conversation under this key; a reset gives a new one. Transcripts belong to it."""
    lifecycle_revision: str
    agent_id: str | None
    kind: SessionKind
    classification: str
    label: str | None
    """The name a person gave it; unique per agent."""
    title: str | None
    """Taken from the first thing a person said."""
    display_name: str | None
    category: str | None
    preview: str | None
    """The beginning of the last message."""
    channel: str | None
    account_id: str | None
    chat_type: ChatType | None
    delivery: Delivery | None
    parent_key: SessionKey | None
    parent_session_id: str | None
    previous_session_id: str | None
    fork: ForkSource | None
    spawned_by: str | None
    spawn_depth: int
    created_via: CreatedVia
    creator: Actor | None
    owner: Owner | None
    participants: tuple[Identity, ...]
    created_ms: int
    updated_ms: int
    started_ms: int
    """When this life of the conversation began."""
    last_interaction_ms: int | None
    last_activity_ms: int | None
    last_read_ms: int | None
    marked_unread_ms: int | None
    pinned_ms: int | None
    archived_ms: int | None
    archive_reason: str | None
    archived_by: Actor | None
    status: RunStatus | None
    active_runs: tuple[str, ...]
    """Runs queued or running now, in order of arrival."""
    last_run_id: str | None
    run_started_ms: int | None
    run_ended_ms: int | None
    last_run_error: str | None
    aborted_last_run: bool | None
    system_sent: bool
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None
    model_provider: str | None
    model: str | None
    overrides: Overrides

    @property
    def unread(self) -> bool:
        """Whether something was said since a person last looked, or a person marked it so."""
        if self.marked_unread_ms is not None:
            return True
        return self.last_activity_ms is not None and self.last_activity_ms > (self.last_read_ms or 0)


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is born with; ignored when it exists already."""

    created_via: CreatedVia
    creator: Actor | None = None
    label: str | None = None
    display_name: str | None = None
    category: str | None = None
    channel: str | None = None
    account_id: str | None = None
    chat_type: ChatType | None = None
    delivery: Delivery | None = None
    parent_key: SessionKey | None = None
    parent_session_id: str | None = None
    previous_session_id: str | None = None
    fork: ForkSource | None = None
    spawned_by: str | None = None
    spawn_depth: int = 0
    overrides: Overrides = Overrides()


class RunUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished run used."""

    model_provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: float | None = None
