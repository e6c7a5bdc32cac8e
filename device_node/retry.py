"""Pauses between attempts to reach the gateway."""

import random
from typing import Final

INITIAL_S: Final = 1.0
"""A gateway that restarts is back within a few seconds."""

MAX_S: Final = 30.0
"""Nobody waits longer than this for a device that has its network back."""

JITTER: Final = 0.25
"""Devices that lost their gateway together must not come back in the same instant."""


class Backoff:
    """1, 2, 4, 8, 16, 30 seconds and then 30 again, each shortened by up to a quarter."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._attempt = 0

    def next_s(self) -> float:
        """The next pause in seconds."""
        full = min(MAX_S, INITIAL_S * 2.0 ** min(self._attempt, 10))
        self._attempt += 1
        return full * (1.0 - JITTER * self._rng.random())

    def reset(self) -> None:
        """Start again with the shortest, after a success."""
        self._attempt = 0
