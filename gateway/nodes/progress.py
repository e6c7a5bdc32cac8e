"""Pieces of a command's output, put back in order."""

from collections.abc import Callable
from typing import Final

from protocol.errors import InvalidRequest

MAX_HELD: Final = 128
"""Pieces that may wait for an earlier one. Source: OpenClaw, observed; 2 MB at most per command."""


class Progress:
    """Hands pieces on in the order of their numbers, each once."""

    def __init__(self, hand_on: Callable[[str], None] | None) -> None:
        self._hand_on = hand_on
        self._next = 0
        self._held: dict[int, str] = {}

    def take(self, seq: int, chunk: str) -> bool:
        """One piece; false for one that was there before, or that nobody listens to.

        Raises:
            InvalidRequest: so many pieces wait already that an earlier one will not come.
        """
        if self._hand_on is None or seq < self._next or seq in self._held:
            return False
        if seq != self._next and len(self._held) >= MAX_HELD:
            raise InvalidRequest(f"seq: piece {self._next} is missing", {"field": "seq"})
        self._held[seq] = chunk
        while self._next in self._held:
            self._hand_on(self._held.pop(self._next))
            self._next += 1
        return True
