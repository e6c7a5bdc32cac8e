"""How the gateway is: the shape of `health`, of the event of that name, and of parts of `status`.

Source: `health` and `status` as recorded from OpenClaw 2026.9.6.
"""

import msgspec

from protocol.method import Wire


class EventLoopHealth(Wire):
    """How late the event loop wakes up, over the latest window."""

    degraded: bool
    degraded_since_ms: int | None
    """For how long it has been degraded."""
    reasons: list[str]
    """`event_loop_delay`, `event_loop_utilization`."""
    interval_ms: float
    """Length of the window."""
    delay_p99_ms: float = msgspec.field(name="delayP99Ms")
    delay_max_ms: float
    utilization: float
    """Part of the time the loop was working, 0 to 1."""
    cpu_core_ratio: float


class CpuBreakdown(Wire):
    """Where processor time goes; 1 is one core fully used, except for the host."""

    main_thread_core_ratio: float
    other_threads_core_ratio: float
    host_cpu_count: int
    host_utilization: float | None = None
    """Busy part of all processors of the machine, 0 to 1."""


class EventLoopReading(EventLoopHealth):
    """The same with where the time went; `status` and `/readyz` have it, `health` has no room for it."""

    cpu_breakdown: CpuBreakdown


class RecentSession(Wire):
    """A session that was used lately."""

    key: str
    updated_at: int
    age: int
    """Milliseconds since then."""


class SessionsHealth(Wire):
    """Sessions of one agent."""

    path: str
    """Where they are stored."""
    count: int
    recent: list[RecentSession]


class HeartbeatPlan(Wire):
    """When an agent wakes up by itself."""

    enabled: bool
    every: str
    """As a person writes it: `30m`, or `disabled`."""
    every_ms: int | None
    prompt: str
    target: str
    ack_max_chars: int


class AgentHealth(Wire):
    """One agent."""

    agent_id: str
    is_default: bool
    heartbeat: HeartbeatPlan
    sessions: SessionsHealth
    name: str | None = None


class PartFailure(Wire):
    """A part of the gateway that does not work."""

    id: str
    origin: str
    """`homarus`."""
    activated: bool
    error: str
    """What is wrong and what to do."""


class PartsHealth(Wire):
    """The parts of the gateway, in the place where OpenClaw's clients look for those of theirs."""

    loaded: list[str]
    """Names of the parts that work."""
    errors: list[PartFailure]
    unavailable: list[str]


class ConfigReload(Wire):
    """Whether edits of the configuration take effect."""

    hot_reload_status: str
    """`active`: edits take effect while the gateway runs. A faulty file shows as the part `config`."""


class ModelRuntimeHealth(Wire):
    """Whether agents can answer."""

    degraded: bool
    pending_agents: list[str]


class PartState(Wire):
    """One part of the gateway."""

    ok: bool
    since_ms: int
    """Wall clock of the latest change."""
    detail: str | None = None
    """What is wrong and what to do."""


class HealthSummary(Wire):
    """The gateway at one moment. `ok` says that it answers; what does not work is in `plugins.errors`."""

    ok: bool
    ts: int
    duration_ms: int
    """What composing this took."""
    plugins: PartsHealth
    config_reload: ConfigReload
    channels: dict[str, object]
    """By channel id, as `channels.status` has it."""
    channel_order: list[str]
    channel_labels: dict[str, str]
    heartbeat_seconds: int
    default_agent_id: str
    agents: list[AgentHealth]
    sessions: SessionsHealth
    """Of the default agent."""
    event_loop: EventLoopHealth | None = None
    """Absent until the first window is complete."""
