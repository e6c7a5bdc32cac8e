"""Who tries what they may not: recorded once in a while, so that a flood of tries does not fill the log."""

from typing import Final

from gateway.kernel.audit.trail import Recorder
from gateway.kernel.clock import Clock
from gateway.kernel.rate import SlidingWindow
from gateway.kernel.rpc.context import Principal
from protocol.errors import Forbidden, GatewayError

WINDOW_S: Final = 60.0
"""One entry a minute for each caller and method tells as much as a thousand."""

PER_CALLER: Final = 30
"""Entries a minute of one caller that tries many methods."""

METHOD_CHARS: Final = 128
"""Of a method's name, which a peer may choose; real ones are a quarter of that."""


class Refusals:
    """Records calls that were refused for want of rights."""

    def __init__(self, audit: Recorder, clock: Clock) -> None:
        self._audit = audit
        self._methods = SlidingWindow(clock, 1, WINDOW_S)
        self._callers = SlidingWindow(clock, PER_CALLER, WINDOW_S)

    def failed(self, who: Principal, method: str, error: GatewayError) -> None:
        """A call of a known method failed; of interest only when it was refused."""
        if not isinstance(error, Forbidden):
            return
        if self._methods.take(f"{who.actor}\n{method[:METHOD_CHARS]}") or self._callers.take(who.actor):
            return
        details = {"code": error.detail_code or error.code, "scopes": list(who.scopes)}
        self._audit.record("rpc.refused", actor=who.actor, subject=method, outcome="refused", details=details)
