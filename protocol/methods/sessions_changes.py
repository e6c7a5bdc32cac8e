"""Changing sessions: create, patch, reset, compact, delete, branches.

Source: shapes of OpenClaw 2026.9.6 (protocol.schema.json and recorded clients).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta

from protocol.errors import ErrorShape
from protocol.method import Call, Empty, Maybe, Wire, method
from protocol.methods.sessions import AgentId, Key
from protocol.nouns.session import Label, PermissionMode, QueueMode, ResponseUsage, Visibility
from protocol.nouns.session_entry import ResolvedModel, SessionEntry
from protocol.scopes import Scope

Choice = Annotated[str, Meta(min_length=1, max_length=512)]


class ServerTiming(Wire):
    """How long the gateway took."""

    received_to_ack_ms: float
    load_session_ms: float | None = None


class Created(Wire):
    """The new (or adopted) session, and the run its first message started."""

    ok: bool
    key: str
    session_id: str
    entry: SessionEntry
    run_started: bool
    resolved: ResolvedModel
    run_id: str | None = None
    status: str | None = None
    message_seq: int | None = None
    run_error: ErrorShape | None = None
    """Why the first message was not accepted; the session exists nevertheless."""
    server_timing: ServerTiming | None = None


@method("sessions.create", Scope.WRITE)
class SessionsCreate(Call[Created]):
    """Create a session, or adopt the one that has the key; with a message, start its first run.

    Without a key it becomes `agent:<agentId>:dashboard:<uuid>`. Without a key and distinct parent, the main
    session starts anew.

    Errors: `CONFLICT` when the label is taken; `NOT_FOUND` when the parent to fork does not exist.
    """

    key: Key | None = None
    agent_id: AgentId | None = None
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    label: Label | None = None
    display_name: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    category: Label | None = None
    model: Choice | None = None
    context_window: Choice | None = None
    thinking_level: Choice | None = None
    fast_mode: bool | Literal["auto"] | None = None
    permission_mode: PermissionMode | None = None
    visibility: Visibility | None = None
    parent_session_key: Key | None = None
    fork: bool = False
    """Begin with a copy of the parent's conversation."""
    spawn_depth: Annotated[int, Meta(ge=1)] | None = None
    emit_command_hooks: bool = False
    succeeds_parent: bool | None = None
    message: str | None = None
    task: str | None = None
    """The same as `message`."""
    attachments: list[msgspec.Raw] | None = None
    incognito: bool = False
    """Refused when true: sessions that leave no trace are not offered, and one must not think it has one."""
    exec_node: Choice | None = None
    """Refused: commands of a whole session are not bound to a node here."""


class Patched(Wire):
    """The session as it is now."""

    ok: bool
    path: str
    key: str
    entry: SessionEntry
    resolved: ResolvedModel


class SessionPatch(Wire):
    """What is changed; an absent field stays, `null` returns to the default."""

    label: Maybe[Label | None] = UNSET
    icon: Maybe[str | None] = UNSET
    color: Maybe[str | None] = UNSET
    category: Maybe[Label | None] = UNSET
    board_face: Maybe[Literal["chat", "dashboard"]] = UNSET
    status_note: Maybe[Annotated[str, Meta(max_length=120)] | None] = UNSET
    attention: Maybe[Literal["hand", "key", "alert", "flag", "lock", "hourglass"] | None] = UNSET
    archived: Maybe[bool] = UNSET
    pinned: Maybe[bool] = UNSET
    unread: Maybe[bool] = UNSET
    model: Maybe[Choice | None] = UNSET
    context_window: Maybe[Choice | None] = UNSET
    thinking_level: Maybe[Choice | None] = UNSET
    fast_mode: Maybe[bool | Literal["auto"] | None] = UNSET
    verbose_level: Maybe[Choice | None] = UNSET
    trace_level: Maybe[Choice | None] = UNSET
    reasoning_level: Maybe[Choice | None] = UNSET
    response_usage: Maybe[ResponseUsage | None] = UNSET
    elevated_level: Maybe[Choice | None] = UNSET
    permission_mode: Maybe[PermissionMode | None] = UNSET
    queue_mode: Maybe[QueueMode | None] = UNSET
    send_policy: Maybe[Literal["allow", "deny"] | None] = UNSET
    group_activation: Maybe[Literal["mention", "always"] | None] = UNSET


@method("sessions.patch", Scope.WRITE)
class SessionsPatch(SessionPatch, Call[Patched]):
    """Change what is set for one session.

    Names, colours, groups, pins, archive and read marks, and the choice of model, thinking, speed and
    permission need `operator.write`; the rest, and `permissionMode: "full"`, need `operator.admin`. Archiving
    and restoring need `expectedSessionId`. A stale `expectedMarkedUnreadAt` changes nothing.

    Errors: `CONFLICT` with `details.reason` `session-changed` when it is not the expected session, or when
    the label is taken; `INVALID_REQUEST` when a main session would be archived, or the agent lacks the chosen
    model or thinking level; `UNAVAILABLE` when runs did not end in time.
    """

    key: Key
    agent_id: AgentId | None = None
    expected_session_id: Key | None = None
    expected_lifecycle_revision: Key | None = None
    expected_permission_mode: Maybe[PermissionMode | None] = UNSET
    expected_marked_unread_at: Maybe[Annotated[float, Meta(ge=0)] | None] = UNSET


class Deleted(Wire):
    """`deleted` is false when there was no such session."""

    ok: bool
    key: str
    deleted: bool
    archived: list[str]
    """Names the transcript is kept under until it is erased."""


@method("sessions.delete", Scope.WRITE)
class SessionsDelete(Call[Deleted]):
    """Forget a session and, unless told otherwise, its transcript.

    Needs `operator.admin`; `operator.write` suffices with `archivedOnly`.

    Errors: `CONFLICT` with `details.reason` `session-changed`; `INVALID_REQUEST` for a main session, and with
    `archivedOnly` for one that is not archived; `UNAVAILABLE` when runs did not end in time.
    """

    key: Key
    agent_id: AgentId | None = None
    delete_transcript: bool = True
    archived_only: bool = False
    expected_session_id: Key | None = None
    expected_lifecycle_revision: Key | None = None
    expected_session_updated_at: Annotated[float, Meta(ge=0)] | None = None


class Reset(Wire):
    """The new life of the session."""

    ok: bool
    key: str
    entry: SessionEntry
    resolved: ResolvedModel


@method("sessions.reset", Scope.ADMIN)
class SessionsReset(Call[Reset]):
    """Begin the conversation anew under the same key; the old transcript stays searchable by its session id.

    Errors: `CONFLICT` with `details.reason` `session-changed`; `UNAVAILABLE` when runs did not end in time.
    """

    key: Key
    agent_id: AgentId | None = None
    reason: Literal["new", "reset"] = "reset"
    expected_session_id: Key | None = None


class Compacted(Wire):
    """`compacted` is false when there was nothing to leave out."""

    ok: bool
    key: str
    compacted: bool
    kept: int | None = None
    reason: str | None = None


@method("sessions.compact", Scope.ADMIN)
class SessionsCompact(Call[Compacted]):
    """Let the agent see only the newest messages from now on; everything stays readable and searchable.

    Errors: `INVALID_REQUEST` while a run is active.
    """

    key: Key
    agent_id: AgentId | None = None
    max_lines: Annotated[int, Meta(ge=1)] = 40


@method("sessions.branches.switch", Scope.ADMIN)
class SessionsBranchesSwitch(Call[Empty]):
    """Continue a conversation on another of its branches.

    Errors: `NOT_FOUND` for an unknown leaf; `UNAVAILABLE` while a run is active.
    """

    session_key: Key
    leaf_entry_id: Key
    agent_id: AgentId | None = None


class Rewound(Wire):
    """The text of the message that was taken back, for the editor."""

    editor_text: str | None = None


@method("sessions.rewind", Scope.ADMIN)
class SessionsRewind(Call[Rewound]):
    """Take back a message: the conversation continues before it. What followed stays as a branch.

    Errors: `NOT_FOUND` for an unknown entry; `UNAVAILABLE` while a run is active.
    """

    session_key: Key
    entry_id: Key
    agent_id: AgentId | None = None


class Forked(Wire):
    """The new session, and the text of the message it begins before."""

    session_key: str
    editor_text: str | None = None


@method("sessions.fork", Scope.WRITE)
class SessionsFork(Call[Forked]):
    """Begin another session with what was said before a message.

    Errors: `NOT_FOUND` for an unknown session or entry.
    """

    session_key: Key
    entry_id: Key
    agent_id: AgentId | None = None
