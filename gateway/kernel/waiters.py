"""Waiting for something stored to be settled by somebody else."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Waiters:
    """Wakes everyone who waits for a key.

    Register first and look at the stored state inside the block: what is settled in between is then not
    missed.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def on(self, key: str) -> Generator[asyncio.Event]:
        """An event that `wake(key)` sets, while the block runs."""
        event = asyncio.Event()
        self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            others = self._waiting[key]
            others.discard(event)
            if not others:
                del self._waiting[key]

    async def settled(
        self, key: str, look: Callable[[], Awaitable[T]], left_ms: Callable[[T], float | None]
    ) -> T:
        """The stored state once it is settled, or as it is when its time is up.

        Args:
            key: What `wake` will be called with.
            look: Reads the state.
            left_ms: How long to wait for a state at most, in milliseconds; `None` for one that is settled.
        """
        with self.on(key) as woken:
            state = await look()
            limit_ms = left_ms(state)
            if limit_ms is None:
                return state
            await woken_within(woken, limit_ms)
            return await look()

    def wake(self, key: str) -> None:
        """Wake everyone who waits for `key` now."""
        for event in self._waiting.get(key, ()):
            event.set()

    def __len__(self) -> int:
        return len(self._waiting)


async def woken_within(event: asyncio.Event, limit_ms: float) -> bool:
    """Whether the event came before `limit_ms` milliseconds passed."""
    try:
        async with asyncio.timeout(max(0.0, limit_ms) / 1000):
            await event.wait()
    except TimeoutError:
        return False
    return True
