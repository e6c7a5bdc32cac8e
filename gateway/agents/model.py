"""The port between chat and whatever answers: a turn goes in, a stream of events comes out.

    chat ── Turn, Steering ──► AgentRuntime.run ── ModelSelected, TextDelta, Tool*, UsageReported,
                                                    Finished ──► chat

A runtime ends its stream with exactly one `Finished`, or raises `AgentFailed`. Cancelling the task that
iterates is how a turn is aborted; a runtime then closes its connections and kills its processes before the
cancellation leaves it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from protocol.errors import Unavailable
from protocol.scopes import Scope

RuntimeKind: TypeAlias = Literal["offline", "llm", "command"]

FailureReason: TypeAlias = Literal[
    "auth",
    "rate_limit",
    "format",
    "timeout",
    "unavailable",
    "billing",
    "budget",
    "context_overflow",
    "model_not_found",
    "content_filter",
    "unknown",
]
"""Why a provider did not answer. `budget` is our own spend cap; the others are the provider's doing."""

StopReason: TypeAlias = Literal["stop", "length", "tool_limit", "content_filter"]


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a message. The bytes stay on disk until a runtime reads them."""

    media_type: str
    file_name: str | None
    size_bytes: int
    read: Callable[[], Awaitable[bytes]]


class TextBlock(msgspec.Struct, frozen=True):
    """Words."""

    text: str


class ToolCallBlock(msgspec.Struct, frozen=True):
    """A tool the assistant called in an earlier turn."""

    call_id: str
    name: str
    args: dict[str, object]


class ToolResultBlock(msgspec.Struct, frozen=True):
    """What that tool answered."""

    call_id: str
    name: str
    text: str
    is_error: bool = False


Block: TypeAlias = TextBlock | ToolCallBlock | ToolResultBlock


class HistoryMessage(msgspec.Struct, frozen=True):
    """One earlier message. `user` and `assistant` hold text and calls, `tool` holds results."""

    role: Literal["user", "assistant", "tool"]
    content: tuple[Block, ...]

    @property
    def text(self) -> str:
        """The words of the message without its tool blocks."""
        return "\n".join(block.text for block in self.content if isinstance(block, TextBlock))


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a runtime may know about the message it answers."""

    run_id: str
    session_key: str
    session_id: str
    agent_id: str
    message: str
    attachments: tuple[Attachment, ...] = ()
    history: tuple[HistoryMessage, ...] = ()
    """Oldest first, without `message`, already cut to the context limits."""
    model: str | None = None
    """`provider/model` asked for by the session or the caller; None means the agent's own."""
    thinking: str | None = None
    caps: frozenset[str] = frozenset()
    """Capabilities of the client that started the turn."""
    actor: str
    """Who is behind the message; tools act with this identity."""
    scopes: tuple[Scope, ...] = ()
    """What tools may do on the actor's behalf."""
    deadline_s: float
    """Seconds the whole turn may take from now."""
    trace_id: str
    extra_system: str | None = None
    """Added to the agent's own system prompt for this turn only."""


class ModelSelected(msgspec.Struct, frozen=True):
    """Which model answers from here on; comes again when a fallback takes over."""

    provider: str
    model: str


class TextDelta(msgspec.Struct, frozen=True):
    """More words of the answer; never empty."""

    text: str


class ToolStarted(msgspec.Struct, frozen=True):
    """A tool begins. `title` is one short line for people."""

    call_id: str
    name: str
    title: str
    args: dict[str, object]


class ToolUpdated(msgspec.Struct, frozen=True):
    """What the tool has produced so far; replaces the previous `partial`."""

    call_id: str
    partial: str


class ToolFinished(msgspec.Struct, frozen=True):
    """A tool ended; `result` is bounded text as the model gets it."""

    call_id: str
    name: str
    result: str
    is_error: bool
    duration_ms: int


class UsageReported(msgspec.Struct, frozen=True):
    """Tokens and cost of one model call; a turn with tools has several."""

    input_tokens: int
    output_tokens: int
    cache_read: int
    cache_write: int
    cost_usd: float | None
    """None when the price of the model is not configured."""


class Finished(msgspec.Struct, frozen=True):
    """The answer is complete."""

    stop_reason: StopReason


TurnEvent: TypeAlias = (
    ModelSelected | TextDelta | ToolStarted | ToolUpdated | ToolFinished | UsageReported | Finished
)


class Steering(Protocol):
    """Messages that arrive for a session while its turn runs."""

    async def next_messages(self) -> tuple[str, ...]:
        """What arrived since the last call, oldest first; returns at once, often with nothing."""
        ...


class NoSteering:
    """Steering for a caller that has none."""

    async def next_messages(self) -> tuple[str, ...]:
        """Nothing, ever."""
        return ()


class AgentRuntime(Protocol):
    """Answers turns."""

    def run(self, turn: Turn, steering: Steering) -> AsyncIterator[TurnEvent]:
        """Answer one turn.

        Raises:
            AgentFailed: while iterating, when no answer can be had.
        """
        ...


@runtime_checkable
class ChoosesHistory(Protocol):
    """A runtime that says whether it reads `Turn.history`; reading it costs more than a quick answer."""

    def reads_history(self, model: str | None) -> bool:
        """Whether a turn that asks for `model` needs the conversation so far."""
        ...


class AgentFailed(Unavailable):
    """The agent could not answer. The message is fit to be shown: what happened and what to do."""

    detail_code: ClassVar[str | None] = "AGENT_FAILED"

    def __init__(
        self, message: str, *, provider: str, model: str, reason: FailureReason, retryable: bool = False
    ) -> None:
        super().__init__(message, {"provider": provider, "model": model, "reason": reason})
        self.provider = provider
        self.model = model
        self.reason: FailureReason = reason
        self.retryable = retryable


AgentId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Agent ids become folder names and the second part of session keys."""


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as it is now: what was stored or configured, with defaults filled in."""

    id: str
    name: str
    named: bool
    """False when nobody chose `name`."""
    emoji: str | None
    avatar: str | None
    runtime: RuntimeKind
    model: str
    """`provider/model`, never empty; `homarus/offline` for the embedded runtime."""
    fallbacks: tuple[str, ...]
    system_prompt: str
    workspace: Path
    tools_allow: tuple[str, ...] | None
    """Names or `prefix.*` patterns of the tools it may use; None means all."""
    argv: tuple[str, ...]
    """Program of a `command` agent; empty for the others."""
    configured: bool
    """True when it comes from the configuration file, which alone can change it."""
    created_ms: int | None = None
    """When it was made over the protocol; None for the others."""


class AgentDirectory(Protocol):
    """Which agents there are. The composed implementation is `gateway.agents.service.Agents`."""

    @property
    def default_agent_id(self) -> str:
        """The agent that answers when nobody is named."""
        ...

    def resolve(self, agent_id: str) -> AgentProfile:
        """The agent of that id.

        Raises:
            NotFound: there is none.
        """
        ...

    def runtime_for(self, agent_id: str) -> AgentRuntime:
        """What answers for that agent.

        Raises:
            NotFound: there is no such agent.
        """
        ...
