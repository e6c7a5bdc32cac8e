"""What works and what does not, part by part."""

from collections.abc import Callable

import msgspec

from gateway.kernel.clock import Clock


class PartHealth(msgspec.Struct, frozen=True):
    """State of one part of the gateway."""

    ok: bool
    detail: str
    """What is wrong and what to do, or empty."""
    since_ms: int
    """Wall clock at which `ok` or `detail` last changed."""
    core: bool = False
    """Whether the gateway cannot serve without it."""


class HealthBoard:
    """Every part reports here; `health`, `/readyz` and `/health` read here.

    A part that never reported is not listed. A part that is off reports `ok` with a detail, or nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._parts: dict[str, PartHealth] = {}
        self._listeners: list[Callable[[str, PartHealth], None]] = []

    def report(self, part: str, ok: bool, detail: str = "", *, core: bool = False) -> None:
        """Set a part's state; a repeat of what is known changes nothing and wakes nobody.

        `core`: while it fails, `/readyz` says so and no new work should be sent here.
        """
        known = self._parts.get(part)
        if known is not None and known.ok == ok and known.detail == detail:
            return
        state = PartHealth(ok, detail, self._clock.now_ms(), core)
        self._parts[part] = state
        for listener in tuple(self._listeners):
            listener(part, state)

    def forget(self, part: str) -> None:
        """Drop a part that no longer exists, such as a removed channel."""
        gone = self._parts.pop(part, None)
        if gone is not None:
            state = PartHealth(ok=True, detail="removed", since_ms=self._clock.now_ms())
            for listener in tuple(self._listeners):
                listener(part, state)

    def parts(self) -> dict[str, PartHealth]:
        """A copy: part name to state, in order of first report."""
        return dict(self._parts)

    def failing(self, *, core: bool = False) -> list[str]:
        """Names of the parts that are not ok, or of only those the gateway cannot serve without."""
        return [name for name, part in self._parts.items() if not part.ok and (part.core or not core)]

    def on_change(self, listener: Callable[[str, PartHealth], None]) -> None:
        """Call `listener(part, state)` after every change."""
        self._listeners.append(listener)
