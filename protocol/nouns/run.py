"""A run: one message and what became of it."""

from typing import Literal, TypeAlias

from protocol.method import Wire
from protocol.nouns.message import TranscriptMessage

QueueMode: TypeAlias = Literal["steer", "followup", "collect", "interrupt"]
"""What a message does while its session answers another one: join that answer, wait, wait together with
others, or end it.
"""

AckStatus: TypeAlias = Literal["started", "in_flight", "ok", "error", "timeout"]
"""`started`: newly accepted. The others answer a repeat: still in work, or how it ended."""

WaitStatus: TypeAlias = Literal["ok", "error", "timeout", "pending"]

StartupPhase: TypeAlias = Literal["preparing_workspace", "preparing_context", "starting_model"]

ErrorKind: TypeAlias = Literal["refusal", "timeout", "rate_limit", "context_length", "unknown"]


class ServerTiming(Wire):
    """Milliseconds spent between reading the request and acknowledging it."""

    received_to_ack_ms: float


class SendAck(Wire):
    """The message is on disk and will be answered, or was before."""

    run_id: str
    """The caller's idempotency key."""
    status: AckStatus
    message_seq: int | None = None
    """Position in the transcript; absent while the message waits for its turn."""
    summary: str | None = None
    interrupted_active_run: bool | None = None
    server_timing: ServerTiming | None = None


class RunErrorDetail(Wire):
    """What the provider said, without secrets; each text at most 300 characters."""

    provider: str | None = None
    model: str | None = None
    failover_reason: str | None = None


class TerminalReply(Wire):
    """The answer a run ended with."""

    disposition: Literal["visible", "none"]
    text: str | None = None


class Cost(Wire):
    """US dollars."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    total: float


class MessageUsage(Wire):
    """Tokens of an assistant's message, and what they cost."""

    input: int
    output: int
    total_tokens: int
    cache_read: int
    cache_write: int
    cost: Cost


class RunUsage(Wire):
    """Tokens of a whole run."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    total: int
    cost: dict[str, float] | None = None
    """`{total}` in US dollars; absent when a price is unknown."""


class AgentMeta(Wire):
    """Who answered, and with what."""

    session_id: str
    session_file: str
    """The session key; files are no business of a client."""
    agent_harness_id: str
    provider: str | None = None
    model: str | None = None
    usage: RunUsage | None = None


class RunMeta(Wire):
    """About a finished run."""

    duration_ms: int
    agent_meta: AgentMeta
    aborted: bool | None = None
    stop_reason: str | None = None


class ReplyPayload(Wire):
    """One message of an answer."""

    text: str
    media_url: str | None
    is_error: bool | None = None
    """True when the text explains why there is no answer."""


class RunResult(Wire):
    """The answer of a finished run."""

    payloads: list[ReplyPayload]
    meta: RunMeta


class PendingInput(Wire):
    """A message that was accepted and is not in the transcript yet."""

    id: str
    run_id: str
    message: TranscriptMessage
    accepted_at: int
    state: Literal["queued", "cancelled", "interrupted"]


class PendingInputs(Wire):
    """Messages that wait for their turn; at most 20 are listed."""

    items: list[PendingInput]
    total: int


class InFlightRun(Wire):
    """The run being answered now."""

    run_id: str
    text: str
    """What it has said so far."""
