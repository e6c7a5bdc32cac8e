"""What a client sees of an answer while it is being made."""

from typing import Literal

from protocol.method import Event, Wire, event
from protocol.nouns.message import TextBlock
from protocol.nouns.run import ErrorKind, RunErrorDetail, StartupPhase
from protocol.scopes import BOTH, Scope

ChatState = Literal["status", "delta", "final", "aborted", "error"]


class ChatMessage(Wire):
    """The answer as far as it is known."""

    role: Literal["assistant"]
    content: list[TextBlock]
    timestamp: int
    command: bool | None = None
    """True for what the gateway itself answered to a command."""


@event("chat", Scope.READ, roles=BOTH, nodes_by="session_key")
class ChatEvent(Event):
    """One step of an answer.

    `status` carries `phase`; `delta` carries `delta_text` and the text so far in `message`; `final` and
    `aborted` carry the whole text, `error` the reason. A `final` without message ends a message that was
    answered together with another one.
    """

    run_id: str
    session_key: str
    agent_id: str
    seq: int
    """Counts within the run, together with the `agent` events."""
    state: ChatState
    phase: StartupPhase | None = None
    delta_text: str | None = None
    replace: bool | None = None
    """True when `delta_text` replaces everything before it."""
    message: ChatMessage | None = None
    stop_reason: str | None = None
    error_message: str | None = None
    error_kind: ErrorKind | None = None
    error_detail: RunErrorDetail | None = None


SendPhase = Literal[
    "dispatch-started",
    "model-selected",
    "agent-run-started",
    "first-assistant-event",
    "dispatch-completed",
    "post-dispatch-completed",
]


@event("chat.send_timing", Scope.READ)
class ChatSendTiming(Event):
    """Where the time of one `chat.send` went; only its sender gets it. Milliseconds."""

    phase: SendPhase
    run_id: str
    session_key: str
    agent_id: str
    ack_to_phase_ms: float
    received_to_phase_ms: float
    dispatch_started_to_phase_ms: float | None = None
    provider: str | None = None
    model: str | None = None
