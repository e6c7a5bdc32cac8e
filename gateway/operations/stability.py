"""A bounded memory of troubles and measurements, without any content, for bug reports."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.kernel.clock import Clock
from gateway.kernel.health import PartHealth
from gateway.kernel.log import subsystem
from gateway.kernel.net.facts import ConnectionClosed
from gateway.operations.machine import memory_reading
from protocol.methods.diagnostics import (
    DiagnosticsStability,
    MemoryReading,
    MemorySummary,
    StabilityEvent,
    StabilityResult,
    StabilitySummary,
)

CAPACITY: Final = 1000
"""Observed from OpenClaw 2026.9.6."""

ORDINARY_CLOSES: Final = frozenset({1000, 1001, 1005, 1006})
"""A client that left or lost its network; only closes the gateway decided on are noteworthy."""


class StabilityRecorder:
    """Keeps the newest events. Features record with `record(type, …)`; never pass what people wrote."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[StabilityEvent] = deque(maxlen=CAPACITY)
        self._last_seq = 0

    def record(
        self,
        kind: str,
        *,
        level: str | None = None,
        action: str | None = None,
        outcome: str | None = None,
        surface: str | None = None,
        reason: str | None = None,
        size_bytes: int | None = None,
        limit_bytes: int | None = None,
        duration_ms: float | None = None,
        memory: MemoryReading | None = None,
    ) -> None:
        """Add one event; texts are names of ours, such as a method or a subsystem."""
        self._last_seq += 1
        self._events.append(
            StabilityEvent(
                seq=self._last_seq,
                ts=self._clock.now_ms(),
                type=kind,
                level=level,
                action=action,
                outcome=outcome,
                surface=surface,
                reason=reason,
                bytes=size_bytes,
                limit_bytes=limit_bytes,
                duration_ms=duration_ms,
                memory=memory,
            )
        )

    def sample_memory(self) -> None:
        """Record the process's memory; called once a minute."""
        self.record("diagnostic.memory.sample", memory=memory_reading())

    def part_changed(self, name: str, part: PartHealth) -> None:
        """Record a part that failed or recovered."""
        self.record("health.part", surface=name, outcome="ok" if part.ok else "failing")

    def connection_closed(self, fact: ConnectionClosed) -> None:
        """Record a connection the gateway ended."""
        if fact.code not in ORDINARY_CLOSES:
            self.record("gateway.connection.closed", surface=fact.principal.client.id, reason=str(fact.code))

    def query(self, call: DiagnosticsStability) -> StabilityResult:
        """The newest matching events, and all matching ones in numbers."""
        matching = [
            event
            for event in self._events
            if (call.type is None or event.type == call.type)
            and (call.since_seq is None or event.seq > call.since_seq)
        ]
        generated = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        return StabilityResult(
            generated_at=generated.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            capacity=CAPACITY,
            count=len(matching),
            dropped=self._last_seq - len(self._events),
            first_seq=matching[0].seq if matching else None,
            last_seq=matching[-1].seq if matching else None,
            events=matching[-call.limit :],
            summary=_summary(matching),
        )


class StabilityHandler(logging.Handler):
    """Records that a warning or error was logged, and where; not what it said."""

    def __init__(self, recorder: StabilityRecorder, run_soon: Callable[[Callable[[], None]], object]) -> None:
        super().__init__(logging.WARNING)
        self._recorder = recorder
        self._run_soon = run_soon

    def emit(self, record: logging.LogRecord) -> None:
        """Record it; log calls may come from any thread, the recorder belongs to the loop's."""
        level = "error" if record.levelno >= logging.ERROR else "warn"
        where = subsystem(record.name)
        try:
            self._run_soon(lambda: self._recorder.record("log.record", level=level, surface=where))
        except RuntimeError:
            # The loop is closed: the last lines of a shutdown have no reader any more.
            return


def _summary(events: Sequence[StabilityEvent]) -> StabilitySummary:
    readings = [event.memory for event in events if event.memory is not None]
    pressure = sum(event.type == "diagnostic.memory.pressure" for event in events)
    return StabilitySummary(
        by_type=dict(Counter(event.type for event in events)),
        memory=MemorySummary(
            latest=readings[-1],
            max_rss_bytes=max(reading.rss_bytes for reading in readings),
            pressure_count=pressure,
        )
        if readings
        else None,
    )
