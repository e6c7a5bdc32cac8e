"""The recent past, for clients that reconnect: every published event with its global cursor."""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.kernel.rpc.context import Principal
from protocol.frames import EncodedEvent
from protocol.method import Event

LOG_BYTES: Final = 4 * 1024 * 1024
"""About an hour of one busy chat; a client that was away longer reads snapshots instead."""


class Published(msgspec.Struct, frozen=True):
    """One event as it was published, with what is needed to decide who may see it."""

    cursor: int
    kind: type[Event]
    encoded: EncodedEvent
    topic: str | None
    to: Callable[[Principal], bool] | None
    node_topic: str | None = None
    """What a node must be subscribed to; None when its role is enough."""


class EventLog:
    """Numbers published events and keeps the newest ones within a byte budget."""

    def __init__(self, max_bytes: int = LOG_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: deque[Published] = deque()
        self._dropped = 0
        self.cursor = 0

    def append(
        self,
        kind: type[Event],
        encoded: EncodedEvent,
        topic: str | None,
        to: Callable[[Principal], bool] | None,
        node_topic: str | None = None,
    ) -> Published:
        """Number an event; events that report state are numbered but not kept."""
        self.cursor += 1
        entry = Published(self.cursor, kind, encoded, topic, to, node_topic)
        if not kind.is_state:
            self._entries.append(entry)
            self._bytes += len(encoded.head)
            while self._bytes > self._max_bytes:
                dropped = self._entries.popleft()
                self._dropped = dropped.cursor
                self._bytes -= len(dropped.encoded.head)
        return entry

    def after(self, cursor: int) -> list[Published] | None:
        """Every event after `cursor`, or `None` when they are not all kept or none can be."""
        if not self._dropped <= cursor <= self.cursor:
            return None
        return [entry for entry in self._entries if entry.cursor > cursor]
