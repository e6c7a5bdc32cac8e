"""How late the event loop wakes up: the one figure that tells a busy gateway from a stuck one.

A timer fires ten times a second and notes its own lateness. Ten seconds of that and the processor times of
the latest second make a reading.
"""

import os
import time
from collections import deque
from typing import Final

import msgspec
import msgspec.structs

from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard
from gateway.operations.machine import HostTimes, host_times
from protocol.nouns.health import CpuBreakdown, EventLoopHealth, EventLoopReading

SAMPLE_S: Final = 0.1
"""Ten wake-ups a second cost about 0.05 % of a core, and a delay that matters lasts longer than this."""

SAMPLES: Final = 100
"""Ten seconds, so that p99 is not the maximum alone."""

PER_READING: Final = 10

DEGRADED_DELAY_MS: Final = 500.0
"""Half a second of lateness is felt in a chat; a burst of imports or a page of history stays below."""

DEGRADED_UTILIZATION: Final = 0.95

PART: Final = "event loop"


class _Marks(msgspec.Struct, frozen=True):
    """Counters at one moment."""

    at_s: float
    process_s: float
    thread_s: float
    host: HostTimes | None


class EventLoopMonitor:
    """Measures the loop it runs on."""

    def __init__(self, clock: Clock, health: HealthBoard) -> None:
        self._clock = clock
        self._health = health
        self._delays_ms: deque[float] = deque(maxlen=SAMPLES)
        self._degraded_since_s: float | None = None
        self.reading: EventLoopReading | None = None
        """The latest; None during the first second."""
        self.brief: EventLoopHealth | None = None
        """The same without where the time went."""

    async def run(self) -> None:
        """Measure until cancelled."""
        marks = self._marks()
        while True:
            for _ in range(PER_READING):
                due_s = self._clock.monotonic_s() + SAMPLE_S
                await self._clock.sleep(SAMPLE_S)
                self._delays_ms.append(max(0.0, self._clock.monotonic_s() - due_s) * 1000)
            marks = self._read(marks)

    def _marks(self) -> _Marks:
        # thread_time is that of the thread asking, which is the event loop's.
        return _Marks(self._clock.monotonic_s(), time.process_time(), time.thread_time(), host_times())

    def _read(self, before: _Marks) -> _Marks:
        now = self._marks()
        passed_s = max(now.at_s - before.at_s, 0.001)
        main = (now.thread_s - before.thread_s) / passed_s
        process = (now.process_s - before.process_s) / passed_s
        ordered = sorted(self._delays_ms)
        p99_ms = ordered[int(0.99 * (len(ordered) - 1))]
        reasons = self._reasons(p99_ms, main)
        self.brief = EventLoopHealth(
            degraded=bool(reasons),
            degraded_since_ms=self._degraded_for_ms(now.at_s, degraded=bool(reasons)),
            reasons=reasons,
            interval_ms=round(passed_s * 1000, 1),
            delay_p99_ms=round(p99_ms, 1),
            delay_max_ms=round(ordered[-1], 1),
            utilization=round(min(main, 1.0), 3),
            cpu_core_ratio=round(process, 3),
        )
        breakdown = CpuBreakdown(
            main_thread_core_ratio=round(main, 3),
            other_threads_core_ratio=round(max(process - main, 0.0), 3),
            host_cpu_count=os.cpu_count() or 1,
            host_utilization=_host_utilization(before.host, now.host),
        )
        self.reading = EventLoopReading(**msgspec.structs.asdict(self.brief), cpu_breakdown=breakdown)
        detail = f"wakes up {p99_ms:.0f} ms late, {main:.0%} busy" if reasons else ""
        if bool(reasons) == self._health_is_ok():
            self._health.report(PART, not reasons, detail)
        return now

    def _health_is_ok(self) -> bool:
        part = self._health.parts().get(PART)
        return part is None or part.ok

    def _reasons(self, p99_ms: float, utilization: float) -> list[str]:
        reasons: list[str] = []
        if p99_ms >= DEGRADED_DELAY_MS:
            reasons.append("event_loop_delay")
        if utilization >= DEGRADED_UTILIZATION:
            reasons.append("event_loop_utilization")
        return reasons

    def _degraded_for_ms(self, now_s: float, *, degraded: bool) -> int | None:
        if not degraded:
            self._degraded_since_s = None
            return None
        if self._degraded_since_s is None:
            self._degraded_since_s = now_s
        return round((now_s - self._degraded_since_s) * 1000)


def _host_utilization(before: HostTimes | None, now: HostTimes | None) -> float | None:
    if before is None or now is None or now.total <= before.total:
        return None
    return round((now.busy - before.busy) / (now.total - before.total), 3)
