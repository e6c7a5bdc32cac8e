"""Running an agent for a program: ask, and get the whole answer on the same request."""

from typing import Annotated

from msgspec import Meta

from protocol.limits import MAX_ID_CHARS
from protocol.method import Call, Wire, method
from protocol.methods.chat import IdempotencyKey, Name, SessionKeyText, TimeoutMs, Uploads
from protocol.nouns.run import RunResult, TerminalReply, WaitStatus
from protocol.scopes import Scope


class AgentAnswer(Wire):
    """First answer: `status` `accepted`, or `in_flight` for a repeat. Second answer: `ok`, with `result`.

    A run that was stopped, by somebody or by its time limit, is answered with `timeout` and `stopReason`.
    """

    run_id: str
    status: str
    session_key: str | None = None
    agent_id: str | None = None
    accepted_at: int | None = None
    summary: str | None = None
    stop_reason: str | None = None
    result: RunResult | None = None


@method("agent", Scope.WRITE)
class Agent(Call[AgentAnswer]):
    """Run an agent on a message. Two answers come on one request id: accepted, then result or failure.

    A repeat with the same idempotency key starts nothing: while the run goes on it is told `in_flight`,
    afterwards it gets the result at once.

    Errors: ``NOT_FOUND`` for an unknown agent, ``UNAVAILABLE`` (retryable) when too many messages wait.
    """

    message: Annotated[str, Meta(min_length=1)]
    idempotency_key: IdempotencyKey
    agent_id: Name | None = None
    session_key: SessionKeyText | None = None
    session_id: Name | None = None
    model: Annotated[str, Meta(max_length=256)] | None = None
    provider: Annotated[str, Meta(max_length=128)] | None = None
    thinking: Annotated[str, Meta(max_length=64)] | None = None
    to: Annotated[str, Meta(max_length=512)] | None = None
    """Who the message is from, on `channel`; used by routing rules."""
    channel: Annotated[str, Meta(max_length=512)] | None = None
    account_id: Annotated[str, Meta(max_length=512)] | None = None
    thread_id: Annotated[str, Meta(max_length=512)] | None = None
    group_id: Annotated[str, Meta(max_length=512)] | None = None
    deliver: bool = False
    attachments: Uploads = ()
    timeout: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    """Seconds the answer may take; 0 and absent mean the gateway's limit."""
    extra_system_prompt: Annotated[str, Meta(max_length=100_000)] | None = None
    label: Annotated[str, Meta(max_length=512)] | None = None


class RunOutcome(Wire):
    """How a run ended, or that it has not."""

    run_id: str
    status: WaitStatus
    """`timeout`: the wait or the run was too long; `pending`: the message waits for its turn."""
    started_at: int | None = None
    ended_at: int | None = None
    error: str | None = None
    stop_reason: str | None = None
    terminal_reply: TerminalReply | None = None


@method("agent.wait", Scope.WRITE)
class AgentWait(Call[RunOutcome]):
    """Wait until a run has ended, at most `timeoutMs`.

    Errors: ``NOT_FOUND`` when there is no such run.
    """

    run_id: Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
    timeout_ms: TimeoutMs = 30_000
