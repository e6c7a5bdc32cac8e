"""Facts that one feature states and others may react to, without knowing each other."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F")


class Bus:
    """Typed, synchronous publish/subscribe inside the process.

    Subscribers run in subscription order before `publish` returns; they must be quick and start a task for
    anything slow. An exception reaches the publisher, because a subscriber that fails is a bug and not a
    condition.
    """

    def __init__(self) -> None:
        self._subscribers: defaultdict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, fact: type[F], callback: Callable[[F], None]) -> None:
        """Call `callback` for every later fact of exactly this type."""
        self._subscribers[fact].append(callback)

    def publish(self, fact: object) -> None:
        """Tell every subscriber."""
        for callback in self._subscribers.get(type(fact), ()):
            callback(fact)
