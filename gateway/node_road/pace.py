"""How often one node may speak."""

from typing import Final

from gateway.kernel.clock import Clock
from gateway.kernel.rate import SlidingWindow
from gateway.nodes.model import LiveNode
from protocol.errors import Overloaded

PER_MINUTE: Final = 120
"""Messages and notes of one node. A person speaks or taps far less often; a node gone mad fills no disk."""


class TooFast(Overloaded):
    """A node sent more than a person could have caused; nothing of it was kept."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"this node sends more than {PER_MINUTE} messages a minute; wait {wait_s:.0f} s")
        self.retry_after_ms = round(wait_s * 1000)


class Pace:
    """One bound for everything a node wants kept."""

    def __init__(self, clock: Clock) -> None:
        self._window = SlidingWindow(clock, PER_MINUTE, 60.0)

    def check(self, live: LiveNode) -> None:
        """Count one.

        Raises:
            TooFast: that was one too many.
        """
        wait_s = self._window.take(live.node_id)
        if wait_s:
            raise TooFast(wait_s)
