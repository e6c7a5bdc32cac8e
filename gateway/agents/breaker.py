"""A circuit breaker per provider: who fails again and again is left alone for a while, then tried once."""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.kernel.clock import Clock

FAILURES_TO_OPEN: Final = 4
"""One more than the attempts of a single answer: one unlucky turn must not shut a provider out."""

FIRST_PAUSE_S: Final = 15.0
MAX_PAUSE_S: Final = 300.0
"""A provider that is back is noticed within five minutes, however long it was away."""


class _State(msgspec.Struct):
    failures: int = 0
    pause_s: float = FIRST_PAUSE_S
    opened_s: float | None = None
    trying: bool = False
    problem: str = ""


class Breakers:
    """The breakers of all providers. Only failures of the provider itself count, never refused requests."""

    def __init__(
        self, clock: Clock, on_change: Callable[[str, str], None] = lambda _name, _problem: None
    ) -> None:
        """`on_change(provider, problem)` is called when one opens; an empty problem says that it closed."""
        self._clock = clock
        self._on_change = on_change
        self._states: dict[str, _State] = {}

    def admit(self, provider: str) -> bool:
        """Whether a request may be sent. After the pause one request is let through, and decides."""
        state = self._states.get(provider)
        if state is None or state.opened_s is None:
            return True
        if state.trying or self.wait_s(provider) > 0:
            return False
        state.trying = True
        return True

    def wait_s(self, provider: str) -> float:
        """Seconds until a request may be sent; 0 when it may now."""
        state = self._states.get(provider)
        if state is None or state.opened_s is None:
            return 0.0
        return max(0.0, state.opened_s + state.pause_s - self._clock.monotonic_s())

    def problem(self, provider: str) -> str:
        """Why the breaker is open, or empty."""
        state = self._states.get(provider)
        return state.problem if state is not None and state.opened_s is not None else ""

    def succeeded(self, provider: str) -> None:
        """A request was answered."""
        state = self._states.pop(provider, None)
        if state is not None and state.opened_s is not None:
            self._on_change(provider, "")

    def failed(self, provider: str, problem: str) -> None:
        """A request was not answered for a reason that may last."""
        state = self._states.setdefault(provider, _State())
        state.failures += 1
        state.problem = problem
        if state.opened_s is not None:
            # The one request that was let through failed too.
            state.pause_s = min(MAX_PAUSE_S, state.pause_s * 2)
        elif state.failures < FAILURES_TO_OPEN:
            return
        state.opened_s = self._clock.monotonic_s()
        state.trying = False
        self._on_change(provider, problem)

    def forget(self, provider: str) -> None:
        """Start afresh with a provider whose settings changed."""
        self._states.pop(provider, None)

    def undecided(self, provider: str) -> None:
        """The request ended without saying anything about the provider: it was aborted, for example."""
        state = self._states.get(provider)
        if state is not None:
            state.trying = False
