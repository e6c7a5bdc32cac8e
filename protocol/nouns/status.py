"""The parts of `status`.

Source: `status` as recorded from OpenClaw 2026.9.6.
"""

from protocol.method import Wire


class StatusSession(Wire):
    """A session in the overview."""

    agent_id: str
    key: str
    kind: str
    """`direct`, `group`, `global` or `unknown`."""
    session_id: str
    updated_at: int
    age: int
    """Milliseconds since then."""
    total_tokens: int | None
    total_tokens_fresh: bool
    remaining_tokens: int | None
    percent_used: int | None
    model: str | None
    context_tokens: int | None
    flags: list[str]
    """Short notes such as `think:off`."""
    thinking_level: str | None = None
    verbose_level: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    aborted_last_run: bool | None = None


class SessionDefaultsStatus(Wire):
    """What a session has unless it says otherwise."""

    model: str | None
    context_tokens: int | None


class AgentSessionsStatus(Wire):
    """Sessions of one agent."""

    agent_id: str
    path: str
    count: int
    recent: list[StatusSession]


class SessionsStatus(Wire):
    """Sessions of all agents."""

    paths: list[str]
    """Empty for callers without admin."""
    count: int
    defaults: SessionDefaultsStatus
    recent: list[StatusSession]
    by_agent: list[AgentSessionsStatus]


class TasksStatus(Wire):
    """The ledger of background work in numbers."""

    total: int
    active: int
    terminal: int
    failures: int
    by_status: dict[str, int]
    by_runtime: dict[str, int]


class TaskAudit(Wire):
    """Tasks that look wrong."""

    total: int
    warnings: int
    errors: int
    by_code: dict[str, int]


class AgentHeartbeat(Wire):
    """When an agent wakes up by itself."""

    agent_id: str
    enabled: bool
    every: str
    every_ms: int | None
    waiting_for_route: bool


class HeartbeatStatus(Wire):
    """Heartbeats of all agents."""

    default_agent_id: str
    agents: list[AgentHeartbeat]


class ProcessMemory(Wire):
    """Memory of the gateway's process, bytes."""

    rss_bytes: int
    max_rss_bytes: int


class StoreStatus(Wire):
    """One database file."""

    database_bytes: int
    wal_bytes: int
    commits: int
    units: int
    queued_units: int
