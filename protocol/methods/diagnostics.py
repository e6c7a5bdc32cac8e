"""Looking into a running gateway: its log, its recent troubles, its queues.

Source: shapes as recorded from OpenClaw 2026.9.6.
"""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Scope


class LogsTailResult(Wire):
    """Lines of the log, oldest first, each a JSON object with `time`, `level`, `subsystem` and `message`."""

    file: str
    cursor: int
    """Position after the last line; give it back to get only what follows."""
    size: int
    lines: list[str]
    truncated: bool
    """Whether older lines were left out."""
    reset: bool
    """Whether the given cursor could not be continued from."""
    skipped_bytes: int | None = None
    """Log between the given cursor and the first line returned."""


@method("logs.tail", Scope.READ)
class LogsTail(Call[LogsTailResult]):
    """Read the end of the log, or what was written since `cursor`."""

    cursor: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=1, le=5000)] = 500
    """Lines."""
    max_bytes: Annotated[int, Meta(ge=1, le=1_000_000)] = 250_000


class MemoryReading(Wire):
    """Memory of the process, bytes."""

    rss_bytes: int


class StabilityEvent(Wire):
    """Something that happened; never holds what people wrote."""

    seq: int
    ts: int
    type: str
    level: str | None = None
    action: str | None = None
    outcome: str | None = None
    surface: str | None = None
    reason: str | None = None
    bytes: int | None = None
    limit_bytes: int | None = None
    duration_ms: float | None = None
    memory: MemoryReading | None = None


class MemorySummary(Wire):
    """Memory over the recorded time."""

    latest: MemoryReading | None
    max_rss_bytes: int
    pressure_count: int


class StabilitySummary(Wire):
    """The selected events in numbers."""

    by_type: dict[str, int]
    memory: MemorySummary | None = None


class StabilityResult(Wire):
    """The newest events of a bounded recorder."""

    generated_at: str
    capacity: int
    count: int
    """Recorded events that match, of which `events` are the newest."""
    dropped: int
    """Events that made room for newer ones since the start."""
    events: list[StabilityEvent]
    summary: StabilitySummary
    first_seq: int | None = None
    last_seq: int | None = None


@method("diagnostics.stability", Scope.READ)
class DiagnosticsStability(Call[StabilityResult]):
    """Recent troubles and measurements, without any content."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    type: Annotated[str, Meta(max_length=128)] | None = None
    since_seq: Annotated[int, Meta(ge=0)] | None = None


class Lane(Wire):
    """One queue of work."""

    lane: str
    queued_count: int
    active_count: int
    max_concurrent: int
    draining: bool
    generation: int
    blocked_by: str | None


class LanesResult(Wire):
    """All queues of work."""

    ts: int
    lanes: list[Lane]
    dynamic: None


@method("diagnostics.lanes", Scope.READ)
class DiagnosticsLanes(Call[LanesResult]):
    """How much work waits and runs where."""


class EmbeddingState(Wire):
    """Whether memory is searched by meaning."""

    ok: bool
    checked: bool
    error: str | None = None


class MemoryStatus(Wire):
    """What agents remember, and how it is searched."""

    agent_id: str
    provider: str
    embedding: EmbeddingState
    entries: int | None = None
    """Homarus only: remembered facts."""


@method("doctor.memory.status", Scope.READ)
class DoctorMemoryStatus(Call[MemoryStatus]):
    """Whether an agent's memory works."""

    agent_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    probe: bool = False
    deep: bool = False
