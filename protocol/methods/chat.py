"""Talking to an agent: send, stop, read back."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.limits import MAX_ID_CHARS
from protocol.method import UNSET, Call, Maybe, Wire, method
from protocol.nouns.command import SlashCommand
from protocol.nouns.message import TranscriptMessage
from protocol.nouns.model import ModelChoice
from protocol.nouns.run import InFlightRun, PendingInputs, QueueMode, SendAck
from protocol.nouns.session import SessionDefaults, SessionRow
from protocol.scopes import Scope

SessionKeyText = Annotated[str, Meta(min_length=1, max_length=512)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]
IdempotencyKey = Annotated[str, Meta(pattern=r"^[ -~]+$", max_length=MAX_ID_CHARS)]
"""Printable ASCII: it becomes the run's id, which stands in logs and in front of people."""

TimeoutMs = Annotated[int, Meta(ge=0, le=86_400_000)]
HistoryLimit = Annotated[int, Meta(ge=1, le=1000)]

MAX_ATTACHMENTS = 32
"""More files in one message are refused; the frame's size bounds them long before."""


class AttachmentUpload(Wire):
    """A file inside a request."""

    content: str = ""
    """Base64, or a `data:` URL of it."""
    mime_type: str | None = None
    file_name: str | None = None
    type: str | None = None
    """`image`, `audio`, `file`, …; the MIME type decides."""


Uploads = Annotated[tuple[AttachmentUpload, ...], Meta(max_length=MAX_ATTACHMENTS)]


@method("chat.send", Scope.WRITE)
class ChatSend(Call[SendAck]):
    """Send a message. The answer comes once the message is on disk; events follow.

    A repeat with the same idempotency key starts nothing and says what became of the first.

    Errors: ``NOT_FOUND`` for an unknown agent, ``UNAVAILABLE`` (retryable) when too many messages wait.
    """

    session_key: SessionKeyText
    message: str
    idempotency_key: IdempotencyKey
    """Becomes the `runId`."""
    agent_id: Name | None = None
    session_id: Name | None = None
    thinking: Annotated[str, Meta(max_length=64)] | None = None
    queue_mode: QueueMode | None = None
    """Absent: the session's own, else the gateway's."""
    deliver: bool | None = None
    originating_channel: Name | None = None
    originating_to: Name | None = None
    originating_account_id: Name | None = None
    originating_thread_id: Name | None = None
    attachments: Uploads = ()
    timeout_ms: TimeoutMs | None = None
    """How long the answer may take; 0 and absent mean the gateway's limit."""
    suppress_command_interpretation: bool = False
    """True: text that begins with `/` is for the agent."""
    expected_leaf_entry_id: Maybe[str | None] = UNSET
    """The newest entry the sender has seen; refused when the conversation went on elsewhere."""


class AbortResult(Wire):
    """What was stopped."""

    ok: bool
    aborted: bool
    run_ids: list[str]


@method("chat.abort", Scope.WRITE)
class ChatAbort(Call[AbortResult]):
    """Stop a run, or every waiting and running one of a session. Answers when they are over."""

    session_key: SessionKeyText
    run_id: Name | None = None
    agent_id: Name | None = None
    preserve_side_runs: bool = False


class Injected(Wire):
    """An injected message."""

    ok: bool
    message_id: str


@method("chat.inject", Scope.ADMIN)
class ChatInject(Call[Injected]):
    """Put an assistant's message into a conversation without asking an agent.

    Errors: ``NOT_FOUND`` when there is no such session.
    """

    session_key: SessionKeyText
    message: Annotated[str, Meta(min_length=1, max_length=100_000)]
    agent_id: Name | None = None
    label: Annotated[str, Meta(max_length=100)] | None = None


class HistoryView(Wire):
    """The end of a conversation, and the state of its session."""

    session_key: str
    messages: list[TranscriptMessage]
    pending_inputs: PendingInputs
    has_more: bool
    total_messages: int
    defaults: SessionDefaults
    session_info: SessionRow
    session_id: str | None = None
    """Absent while nothing was said."""
    next_offset: int | None = None
    delta_cursor: str | None = None
    input_receipts: list[dict[str, str]] | None = None
    input_consumptions: list[dict[str, str]] | None = None
    in_flight_run: InFlightRun | None = None
    thinking_level: str | None = None
    verbose_level: str | None = None
    metadata: "ChatMetadataResult | None" = None


class HistoryDelta(Wire):
    """What was said since a cursor."""

    kind: Literal["delta", "reset"]
    """`reset`: the cursor is of no use any more; read the history again. Nothing else is present then."""
    messages: Maybe[list[msgspec.Raw]] = UNSET
    """Shaped as `session.message` events."""
    delta_cursor: Maybe[str] = UNSET
    pending_inputs: Maybe[PendingInputs] = UNSET
    session_info: Maybe[SessionRow] = UNSET
    in_flight_run: InFlightRun | None = None
    metadata: "ChatMetadataResult | None" = None


class HistoryQuery(Wire):
    """Fields `chat.history` and `chat.startup` share."""

    session_key: SessionKeyText
    agent_id: Name | None = None
    cursor: Annotated[str, Meta(max_length=2048)] | None = None
    limit: HistoryLimit = 200
    offset: Annotated[int, Meta(ge=0)] = 0
    max_bytes: Annotated[int, Meta(ge=1024)] | None = None
    max_chars: Annotated[int, Meta(ge=1, le=500_000)] | None = None
    message_id: Name | None = None
    input_run_ids: Annotated[list[Name], Meta(max_length=50)] | None = None


@method("chat.history", Scope.READ)
class ChatHistory(HistoryQuery, Call[HistoryView | HistoryDelta]):
    """Read the end of a conversation, or with a cursor what was said since."""


@method("chat.startup", Scope.READ)
class ChatStartup(HistoryQuery, Call[HistoryView | HistoryDelta]):
    """`chat.history` and `chat.metadata` in one answer."""


class ChatMetadataResult(Wire):
    """What a chat page offers."""

    models: list[ModelChoice]
    commands: list[SlashCommand]
    runtime_selection_locked: bool
    account_selection: dict[str, str]


@method("chat.metadata", Scope.READ)
class ChatMetadata(Call[ChatMetadataResult]):
    """The models and commands a conversation can use."""

    agent_id: Name | None = None
    session_key: SessionKeyText | None = None


class FoundMessage(Wire):
    """One message, whole."""

    ok: bool
    message: TranscriptMessage | None = None
    unavailable_reason: Literal["not_found", "oversized", "not_visible"] | None = None


@method("chat.message.get", Scope.READ)
class ChatMessageGet(Call[FoundMessage]):
    """Read one message that a history showed shortened."""

    session_key: SessionKeyText
    message_id: Name
    agent_id: Name | None = None
    max_chars: Annotated[int, Meta(ge=1, le=2_000_000)] | None = None


@method("sessions.send", Scope.WRITE)
class SessionsSend(Call[SendAck]):
    """Send a message into an existing session.

    Errors: ``NOT_FOUND`` when there is no such session.
    """

    key: SessionKeyText
    message: str
    agent_id: Name | None = None
    thinking: Annotated[str, Meta(max_length=64)] | None = None
    attachments: Uploads = ()
    timeout_ms: TimeoutMs | None = None
    idempotency_key: IdempotencyKey | None = None


@method("sessions.steer", Scope.WRITE)
class SessionsSteer(Call[SendAck]):
    """Stop what a session answers now and let it answer this instead."""

    key: SessionKeyText
    message: str
    agent_id: Name | None = None
    thinking: Annotated[str, Meta(max_length=64)] | None = None
    attachments: Uploads = ()
    timeout_ms: TimeoutMs | None = None
    idempotency_key: IdempotencyKey | None = None


class SessionAbortResult(Wire):
    """What was stopped."""

    ok: bool
    aborted_run_id: str | None
    status: Literal["aborted", "no-active-run"]


@method("sessions.abort", Scope.WRITE)
class SessionsAbort(Call[SessionAbortResult]):
    """Stop a session's running work, or one run; `clearQueued` also drops what waits."""

    key: SessionKeyText | None = None
    run_id: Name | None = None
    agent_id: Name | None = None
    clear_queued: bool = False
