"""What waits to be written to one connection: bounded in bytes, merged where a later frame replaces one."""

from collections import deque
from collections.abc import Callable
from typing import Final

from protocol.frames import EncodedEvent
from protocol.limits import MAX_BUFFERED_BYTES

OUTBOX_BYTES: Final = 8 * 1024 * 1024
"""What unread events of one connection may cost in memory before it is closed. A client that reads at all
keeps up with events; OpenClaw allows 50 MiB.
"""


class Pending:
    """An event that has no sequence number yet: it gets one when it is written, so merging leaves no gap."""

    __slots__ = ("cursor", "event", "key", "sequenced", "size")

    def __init__(self, event: EncodedEvent, *, sequenced: bool, cursor: int | None, key: str | None) -> None:
        self.event = event
        self.sequenced = sequenced
        self.cursor = cursor
        self.key = key
        self.size = len(event.head)


class Outbox:
    """Writes at once while the peer keeps up, and queues while it does not.

    Args:
        write: Sends one frame.
        writable: Whether the transport takes more without buffering.
        overflow: Called once, with the stated reason, when the budget is exceeded.
        max_bytes: Budget for the events queued here.
        max_response_bytes: Budget for the responses. A client that asks for much at once reads as fast as it
            can, and is told this bound in `hello-ok`.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        writable: Callable[[], bool],
        overflow: Callable[[str], None],
        max_bytes: int = OUTBOX_BYTES,
        max_response_bytes: int = MAX_BUFFERED_BYTES,
    ) -> None:
        self._write = write
        self._writable = writable
        self._overflow = overflow
        self._max_bytes = max_bytes
        self._max_response_bytes = max_response_bytes
        self._queue: deque[Pending | bytes] = deque()
        self._mergeable: dict[str, Pending] = {}
        self._seq = 0
        self._event_bytes = 0
        self._response_bytes = 0
        self.closed = False

    @property
    def queued_bytes(self) -> int:
        """What waits here, in bytes."""
        return self._event_bytes + self._response_bytes

    @property
    def lagging(self) -> bool:
        """True while something waits; droppable events are dropped then."""
        return bool(self._queue)

    def send(self, frame: bytes) -> None:
        """Queue a response. Responses are never dropped or merged."""
        if self.closed:
            return
        if not self._queue and self._writable():
            self._write(frame)
            return
        self._queue.append(frame)
        self._response_bytes += len(frame)
        if self._response_bytes > self._max_response_bytes:
            self._give_up(self._max_response_bytes)

    def publish(self, pending: Pending) -> None:
        """Queue an event; one with a `key` replaces the queued event of the same key in its place."""
        if self.closed:
            return
        if not self._queue and self._writable():
            self._write(self._numbered(pending))
            return
        earlier = self._mergeable.get(pending.key) if pending.key is not None else None
        if earlier is not None:
            self._grow(pending.size - earlier.size)
            earlier.event, earlier.size, earlier.cursor = pending.event, pending.size, pending.cursor
            return
        if pending.key is not None:
            self._mergeable[pending.key] = pending
        self._queue.append(pending)
        self._grow(pending.size)

    def drain(self) -> None:
        """Write what waits, as far as the transport takes it."""
        while self._queue and not self.closed and self._writable():
            item = self._queue.popleft()
            if isinstance(item, bytes):
                self._response_bytes -= len(item)
                self._write(item)
            else:
                self._event_bytes -= item.size
                if item.key is not None:
                    self._mergeable.pop(item.key, None)
                self._write(self._numbered(item))

    def close(self) -> None:
        """Forget everything that waits."""
        self.closed = True
        self._queue.clear()
        self._mergeable.clear()
        self._event_bytes = self._response_bytes = 0

    def _numbered(self, pending: Pending) -> bytes:
        if not pending.sequenced:
            return pending.event.frame(None, pending.cursor)
        self._seq += 1
        return pending.event.frame(self._seq, pending.cursor)

    def _grow(self, size: int) -> None:
        self._event_bytes += size
        if self._event_bytes > self._max_bytes:
            self._give_up(self._max_bytes)

    def _give_up(self, budget: int) -> None:
        self.close()
        self._overflow(f"slow consumer: more than {budget} bytes unread")
