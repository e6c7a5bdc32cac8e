"""Tasks have an owner: failures are logged and contained, what must run is restarted (S0.G-1)."""

import asyncio
import logging
import random

import pytest

from gateway.kernel import supervisor
from gateway.kernel.bus import Bus
from gateway.kernel.retry import Backoff
from gateway.kernel.supervisor import StopSteps, Supervisor


async def test_a_failure_is_logged_and_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Supervisor()

    async def fail() -> None:
        raise ValueError("broken")

    async def work() -> str:
        await asyncio.sleep(0.01)
        return "done"

    failing, working = tasks.spawn("bad part", fail()), tasks.spawn("good part", work())
    assert await working == "done"
    assert isinstance(failing.exception(), ValueError)
    assert [record.message for record in caplog.records] == ["task bad part failed"]
    assert tasks.running == 0


async def test_what_must_run_is_started_again_until_it_returns(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Supervisor()
    attempts = 0

    async def flaky() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OSError("gone")

    with caplog.at_level(logging.ERROR):
        await tasks.keep("flaky", flaky, Backoff(initial_s=0.001, max_s=0.002))
    assert attempts == 3
    assert sum("starting it again" in record.message for record in caplog.records) == 2


async def test_one_failing_round_does_not_end_a_periodic_job() -> None:
    tasks = Supervisor()
    rounds: list[int] = []
    enough = asyncio.Event()

    def job() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ValueError("first round")
        enough.set()

    tasks.every("job", 0.001, job)
    await asyncio.wait_for(enough.wait(), 5)
    await tasks.close(1.0)
    assert len(rounds) >= 2


async def test_closing_cancels_everything_and_names_what_does_not_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks = Supervisor()
    let_go = asyncio.Event()

    async def polite() -> None:
        await asyncio.sleep(3600)

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await let_go.wait()

    tasks.spawn("polite", polite())
    tasks.spawn("stubborn", stubborn())
    await asyncio.sleep(0)
    await tasks.close(0.05)
    assert [record.message for record in caplog.records] == ["task stubborn ignored its cancellation"]
    let_go.set()


async def test_closing_also_ends_what_an_ending_task_starts() -> None:
    tasks = Supervisor()

    async def last_words() -> None:
        await asyncio.sleep(3600)

    async def polite() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            tasks.spawn("last words", last_words())

    tasks.spawn("polite", polite())
    await asyncio.sleep(0)
    await tasks.close(1.0)
    assert tasks.running == 0


def test_back_off_doubles_to_its_cap_with_jitter_below() -> None:
    backoff = Backoff(initial_s=1.0, max_s=8.0, jitter=0.25, rng=random.Random(7))
    pauses = [backoff.next_s() for _ in range(6)]
    for pause, full in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True):
        assert full * 0.75 <= pause <= full
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_facts_reach_subscribers_of_exactly_their_type_in_order() -> None:
    bus = Bus()
    heard: list[object] = []
    bus.subscribe(int, lambda fact: heard.append(("first", fact)))
    bus.subscribe(int, lambda fact: heard.append(("second", fact)))
    bus.publish(7)
    bus.publish(True)
    bus.publish("text")
    assert heard == [("first", 7), ("second", 7)]


async def test_a_step_that_fails_or_hangs_does_not_keep_the_others_from_stopping(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_STEP_S", 0.02)
    stopped: list[str] = []

    async def polite(name: str) -> None:
        await asyncio.sleep(0)
        stopped.append(name)

    async def fail() -> None:
        raise OSError("disk")

    async def hang() -> None:
        await asyncio.sleep(3600)

    async with StopSteps() as steps:
        steps.push_async_callback(polite, "first")
        steps.push_async_callback(hang)
        steps.push_async_callback(polite, "second")
        steps.push_async_callback(fail)
        steps.push_async_callback(polite, name="third")
    assert stopped == ["third", "second", "first"]
    assert [record.message.rpartition(".")[2] for record in caplog.records] == [
        "fail did not end as it should",
        "hang did not end as it should",
    ]
