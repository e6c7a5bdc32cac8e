"""A run inside the gateway: what was asked, where it stands, how it ended.

    accepted ──► running ──► done | failed | aborted | interrupted
        └──────────────────► aborted

Only these steps exist. `accepted` is on disk before the sender is told; `running` is on disk before the agent
sees the message, so that a crash can never make an agent do the same thing twice.
"""

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.kernel.config.settings import Settings
from gateway.sessions.keys import SessionKey
from protocol.nouns.run import QueueMode
from protocol.nouns.session import Identity
from protocol.scopes import Scope

RunKind: TypeAlias = Literal["chat", "agent", "channel"]
RunStatus: TypeAlias = Literal["accepted", "running", "done", "failed", "aborted", "interrupted"]

OPEN: Final[frozenset[RunStatus]] = frozenset({"accepted", "running"})
"""States that can still change."""


class ChatSettings(Settings):
    """How messages wait and how long answers may take."""

    section: ClassVar[str] = "chat"

    queue_mode: QueueMode = "steer"
    """What a message does while its session answers another one."""
    max_waiting: Annotated[int, Meta(ge=1, le=1000)] = 20
    """Messages that may wait in one session; more are refused before they are accepted."""
    max_concurrent_turns: Annotated[int, Meta(ge=1, le=256)] = 16
    """Answers being made at the same time, over all sessions."""
    turn_timeout_s: Annotated[int, Meta(ge=1, le=86_400)] = 600
    """Longest answer when the sender asks for no other limit."""
    kept_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    """How long finished runs are remembered, and with them the keys that recognise a repeat."""


class Sender(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sent a message, as far as it matters after their connection is gone."""

    actor: str
    scopes: tuple[Scope, ...] = ()
    caps: tuple[str, ...] = ()
    identity: Identity | None = None
    client_id: str | None = None
    client_mode: str | None = None
    client_name: str | None = None


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for besides the text. Stored with the run, so that a restart can still answer."""

    sender: Sender
    trace_id: str
    request_id: str | None = None
    """The request it came with, for the log."""
    model: str | None = None
    thinking: str | None = None
    timeout_s: float | None = None
    extra_system: str | None = None
    is_command: bool = False
    """True when the text is a command to the gateway itself."""
    task_id: str | None = None
    """The row of the task ledger that stands for the run."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `runs`. Times are Unix milliseconds."""

    run_id: str
    inbox_id: int
    kind: RunKind
    session_key: SessionKey
    session_id: str
    agent_id: str
    status: RunStatus
    queue_mode: QueueMode
    merged_into: str | None
    """The run whose turn also answers this message."""
    request: RunRequest
    accepted_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    outcome: "Outcome | None" = None


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of a run, over all its model calls."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost_usd: float | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is no answer."""

    message: str
    """Fit to be shown."""
    code: str = "UNAVAILABLE"
    reason: str | None = None
    """The provider's failure, as `AgentFailed.reason` names it; `timeout` for our own deadline."""
    provider: str | None = None
    model: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run ended."""

    status: RunStatus
    stop_reason: str
    """`stop`, `length`, …; `rpc`, `interrupt`, `restart` for what ended it early; `error`, `timeout`."""
    text: str = ""
    """All the answer said."""
    last_text: str = ""
    """What it said after its last tool."""
    provider: str | None = None
    model: str | None = None
    usage: Usage = Usage()
    tools: tuple[str, ...] = ()
    """Names of the tools that succeeded."""
    failure: Failure | None = None
