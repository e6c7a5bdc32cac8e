"""The system's clock, and the fake one that the other tests trust."""

import asyncio
import time

from gateway.kernel.clock import Clock, SystemClock
from tests.support.clock import FakeClock


async def test_system_clock_measures_real_time() -> None:
    clock: Clock = SystemClock()
    before_s, before_ms = clock.monotonic_s(), clock.now_ms()
    await clock.sleep(0.02)
    assert clock.monotonic_s() - before_s >= 0.019
    assert abs(clock.now_ms() - time.time() * 1000) < 1000
    assert clock.now_ms() >= before_ms


async def test_fake_clock_wakes_sleepers_at_their_own_moment() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *pauses: float) -> None:
        for pause in pauses:
            await clock.sleep(pause)
            woken.append((name, clock.monotonic_s() - start))

    start = clock.monotonic_s()
    tasks = [asyncio.create_task(sleeper("a", 1, 1, 5)), asyncio.create_task(sleeper("b", 1.5))]
    await clock.advance(0.9)
    assert woken == []
    assert clock.sleepers == 2
    await clock.advance(2.1)
    assert woken == [("a", 1), ("b", 1.5), ("a", 2)]
    await clock.advance(4)
    assert woken[-1] == ("a", 7)
    assert all(task.done() for task in tasks)


async def test_fake_wall_clock_may_jump() -> None:
    clock = FakeClock(now_ms=1000, monotonic_s=5)
    clock.jump(-0.5)
    assert (clock.now_ms(), clock.monotonic_s()) == (500, 5)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(1))
    await clock.advance(0)
    task.cancel()
    await clock.advance(2)
    assert task.cancelled()
    assert clock.sleepers == 0
