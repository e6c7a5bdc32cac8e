"""What features tell about themselves, for `health`, `status` and the diagnostics.

Operations stands below them and knows none; each puts its own callables here during setup:

    facts = house.need(Facts)
    facts.sessions = overview
    facts.lanes.append(my_lanes)
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from protocol.methods.diagnostics import Lane, MemoryStatus
from protocol.methods.usage import ProviderUsage
from protocol.nouns.health import HeartbeatPlan
from protocol.nouns.status import StatusSession

DEFAULT_AGENT: Final = "main"

TASK_STATES: Final = ("queued", "running", "succeeded", "failed", "timed_out", "cancelled", "lost")
TASK_RUNTIMES: Final = ("subagent", "acp", "cli", "cron")
"""Keys clients print, also at zero. Observed in `status` of OpenClaw 2026.9.6."""


def no_heartbeat() -> HeartbeatPlan:
    """The plan of an agent that never wakes up by itself."""
    return HeartbeatPlan(
        enabled=False, every="disabled", every_ms=None, prompt="", target="owner", ack_max_chars=300
    )


class AgentFact(msgspec.Struct, frozen=True, kw_only=True):
    """One agent."""

    agent_id: str
    is_default: bool = False
    name: str | None = None
    heartbeat: HeartbeatPlan = msgspec.field(default_factory=no_heartbeat)


class AgentSessions(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one agent: how many, and the latest few, newest first."""

    count: int = 0
    recent: Sequence[StatusSession] = ()


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of all agents."""

    by_agent: Mapping[str, AgentSessions] = {}
    model: str | None = None
    """What a session talks to unless it says otherwise."""
    context_tokens: int | None = None


class ChannelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Configured channels."""

    channels: Mapping[str, object] = {}
    order: Sequence[str] = ()
    labels: Mapping[str, str] = {}
    summary: Sequence[str] = ()
    """One line per channel for `status`."""


class TaskFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of background work in numbers."""

    by_status: Mapping[str, int] = {}
    by_runtime: Mapping[str, int] = {}
    suspect: Mapping[str, int] = {}
    """Tasks that look wrong, by code such as `stale_running`."""


class UsageBucket(msgspec.Struct, frozen=True, kw_only=True):
    """What was used within one hour or less, in tokens and US dollars; a call without a price is counted."""

    start_ms: int
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    input_cost: float = 0.0
    output_cost: float = 0.0
    cache_read_cost: float = 0.0
    cache_write_cost: float = 0.0
    missing_cost_entries: int = 0


UsageLedger = Callable[[int, int, str | None], Awaitable[Iterable[UsageBucket]]]
"""`(from_ms, to_ms, agent_id or None for all)` to buckets of at most an hour."""


LaneSource = Callable[[], Iterable[Lane]]
"""The queues of one feature, as they are now."""


async def _no_sessions() -> SessionFacts:
    return SessionFacts()


async def _no_tasks() -> TaskFacts:
    return TaskFacts()


async def _no_usage(_from_ms: int, _to_ms: int, _agent_id: str | None) -> Iterable[UsageBucket]:
    return ()


async def _no_memory(agent_id: str | None) -> MemoryStatus | None:  # noqa: ARG001 - the signature of the port
    return None


class Facts(msgspec.Struct, kw_only=True):
    """One callable per thing others know. Plain ones are asked on the spot and must be quick."""

    agents: Callable[[], Sequence[AgentFact]] = lambda: (AgentFact(agent_id=DEFAULT_AGENT, is_default=True),)
    sessions: Callable[[], Awaitable[SessionFacts]] = _no_sessions
    """Asked at most once a second, and only while something is being written."""
    channels: Callable[[], ChannelFacts] = ChannelFacts
    tasks: Callable[[], Awaitable[TaskFacts]] = _no_tasks
    system_events: Callable[[], Sequence[str]] = tuple
    """Notes that wait for an agent's next turn."""
    unready_agents: Callable[[], Sequence[str]] = tuple
    """Agents whose runtime cannot answer."""
    usage: UsageLedger = _no_usage
    providers: Callable[[], Sequence[ProviderUsage]] = tuple
    memory: Callable[[str | None], Awaitable[MemoryStatus | None]] = _no_memory
    """None when there is no memory."""
    lanes: list[LaneSource] = msgspec.field(default_factory=list[LaneSource])
    port: Callable[[], int | None] = lambda: None
    """The port listened on."""

    def default_agent(self) -> str:
        """The agent that answers when none is named."""
        agents = self.agents()
        return next((agent.agent_id for agent in agents if agent.is_default), DEFAULT_AGENT)
