"""The event loop monitor notices a late loop, and when it is over."""

import asyncio
import contextlib

from gateway.kernel.health import HealthBoard
from gateway.operations.loop import PART, EventLoopMonitor
from tests.support.clock import FakeClock


async def test_lateness_is_measured_reported_and_forgotten() -> None:
    """S3.F-3: loop lag is visible."""
    clock = FakeClock()
    board = HealthBoard(clock)
    monitor = EventLoopMonitor(clock, board)
    task = asyncio.create_task(monitor.run())
    await clock.advance(0)
    assert monitor.reading is None
    await clock.advance(1.01)
    assert monitor.reading is not None
    assert monitor.reading.delay_max_ms < 1
    assert monitor.reading.reasons == []
    for _ in range(10):  # each wake-up comes 0.7 s late
        clock.move(0.8)
        await clock.advance(0)
    reading = monitor.reading
    assert "event_loop_delay" in reading.reasons
    assert round(reading.delay_p99_ms) == 700
    assert reading.degraded_since_ms == 0
    assert board.failing() == [PART]
    assert "700 ms late" in board.parts()[PART].detail
    await clock.advance(12)
    assert monitor.reading.reasons == []
    assert board.failing() == []
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_processor_time_of_the_loop_is_seen() -> None:
    clock = FakeClock()
    monitor = EventLoopMonitor(clock, HealthBoard(clock))
    task = asyncio.create_task(monitor.run())
    await clock.advance(0)
    total = 0
    for number in range(3_000_000):  # about a tenth of a second of work, while the fake clock shows one
        total += number
    await clock.advance(1.01)
    task.cancel()
    assert monitor.reading is not None
    assert monitor.reading.utilization > 0.02
    assert monitor.reading.cpu_core_ratio >= monitor.reading.cpu_breakdown.main_thread_core_ratio * 0.9
