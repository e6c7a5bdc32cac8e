"""Waiting for what somebody else settles."""

import asyncio

from gateway.kernel.waiters import Waiters, woken_within


async def test_everyone_who_waits_for_a_key_is_woken_and_forgotten() -> None:
    waiters = Waiters()

    async def wait(key: str) -> bool:
        with waiters.on(key) as event:
            return await woken_within(event, 5000)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait(key)) for key in ("a", "a", "b")]
        await asyncio.sleep(0.01)
        waiters.wake("a")
        waiters.wake("nobody")
        await asyncio.sleep(0.01)
        assert [task.done() for task in tasks] == [True, True, False]
        waiters.wake("b")
    assert all(task.result() for task in tasks)
    assert len(waiters) == 0


async def test_a_wait_ends_at_its_limit() -> None:
    waiters = Waiters()
    with waiters.on("a") as event:
        assert await woken_within(event, 5) is False
        assert await woken_within(event, -1) is False
    assert len(waiters) == 0


async def test_a_state_settled_while_it_is_read_is_not_missed() -> None:
    waiters = Waiters()
    states = iter(["pending", "settled"])

    async def look() -> str:
        state = next(states)
        waiters.wake("a")
        return state

    assert await waiters.settled("a", look, lambda state: None if state == "settled" else 60_000) == "settled"
    assert len(waiters) == 0


async def test_a_settled_state_is_read_once_and_a_late_one_again_at_its_limit() -> None:
    waiters = Waiters()
    looks: list[int] = []

    async def look() -> int:
        looks.append(len(looks))
        return looks[-1]

    assert await waiters.settled("a", look, lambda _: None) == 0
    assert await waiters.settled("a", look, lambda _: 1) == 2
