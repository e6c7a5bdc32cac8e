"""The one retry policy: exponential, capped, with jitter."""

import random


class Backoff:
    """Pauses between attempts: doubling from `initial_s` to `max_s`, each shortened by up to `jitter`.

    Jitter keeps many clients that failed together from coming back together.
    """

    def __init__(
        self,
        initial_s: float = 1.0,
        max_s: float = 60.0,
        jitter: float = 0.25,
        rng: random.Random | None = None,
    ) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._jitter = jitter
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._attempt = 0

    def next_s(self) -> float:
        """The next pause in seconds."""
        full = min(self._max_s, self._initial_s * 2.0 ** min(self._attempt, 30))
        self._attempt += 1
        return full * (1.0 - self._jitter * self._rng.random())

    def reset(self) -> None:
        """Start again at `initial_s`, after a success."""
        self._attempt = 0
