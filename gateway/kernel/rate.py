"""How often something may happen: a sliding window per key, in RAM, with a bounded number of keys."""

from collections import OrderedDict, deque
from typing import Final

from gateway.kernel.clock import Clock

MAX_KEYS: Final = 4096
"""Callers remembered at once; beyond that the one not seen for longest is forgotten."""


class SlidingWindow:
    """At most `limit` events per key within any `window_s` seconds."""

    def __init__(self, clock: Clock, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Count one event and return 0, or count nothing and return the seconds until the next is allowed."""
        now_s = self._clock.monotonic_s()
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while times and times[0] <= now_s - self.window_s:
            times.popleft()
        if len(times) >= self.limit:
            return times[0] + self.window_s - now_s
        times.append(now_s)
        if len(self._times) > MAX_KEYS:
            self._times.popitem(last=False)
        return 0.0

    def give_back(self, key: str) -> None:
        """Uncount the latest event: what it was counted for did not happen."""
        times = self._times.get(key)
        if times:
            times.pop()
