"""A clock that stands still until a test moves it."""

import asyncio
import heapq
from itertools import count

# Turns of the event loop given to woken tasks before time moves on: a woken task may wake another in turn.
SETTLE_TURNS = 20


class FakeClock:
    """Implements `gateway.kernel.clock.Clock`; `advance` is the only thing that lets time pass."""

    def __init__(self, now_ms: int = 1_800_000_000_000, monotonic_s: float = 1000.0) -> None:
        self._now_ms = float(now_ms)
        self._monotonic_s = monotonic_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_ms(self) -> int:
        """Wall clock in milliseconds."""
        return int(self._now_ms)

    def monotonic_s(self) -> float:
        """Monotonic clock in seconds."""
        return self._monotonic_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by `seconds`; zero only yields to the loop."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic_s + seconds, next(self._order), waiter))
        await waiter

    def jump(self, seconds: float) -> None:
        """Move only the wall clock, as a time sync or a person does."""
        self._now_ms += seconds * 1000

    def move(self, seconds: float) -> None:
        """Move both clocks without letting anything run; sleepers wake once the loop gets its turn."""
        self._now_ms += seconds * 1000
        self._monotonic_s += seconds
        self._wake_due()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, waking every sleeper at its own moment and in order."""
        end_s = self._monotonic_s + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self.move(max(0.0, self._sleepers[0][0] - self._monotonic_s))
            await self._settle()
        self.move(max(0.0, end_s - self._monotonic_s))
        await self._settle()

    @property
    def sleepers(self) -> int:
        """How many tasks wait on this clock."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    def _wake_due(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_s:
            _, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)

    @staticmethod
    async def _settle() -> None:
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)
