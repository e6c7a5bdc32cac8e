"""One turn at a time per session: who runs, who waits, and who may join a running turn. Pure bookkeeping."""

from collections import deque
from collections.abc import Iterator

import msgspec

from gateway.chat.model import Run
from gateway.inbox.model import StoredAttachment
from protocol.scopes import covers


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted message before its turn."""

    run: Run
    text: str
    attachments: tuple[StoredAttachment, ...]
    received_ms: int


class Lane:
    """The queue of one session. `active` holds the message whose turn it is."""

    def __init__(self) -> None:
        self.active: tuple[Waiting, ...] = ()
        self.waiting: deque[Waiting] = deque()

    @property
    def idle(self) -> bool:
        """Nobody runs, nobody waits."""
        return not self.active and not self.waiting

    def enqueue(self, message: Waiting) -> None:
        """Add a message; one that interrupts goes before all others."""
        if message.run.queue_mode == "interrupt":
            self.waiting.appendleft(message)
        else:
            self.waiting.append(message)

    def promote(self) -> tuple[Waiting, ...]:
        """Give the next message its turn; neighbours that wish to be collected come along.

        They are collected only from one sender with the same rights: a turn acts with the rights of one.
        """
        if self.active or not self.waiting:
            return ()
        first = self.waiting.popleft()
        batch = [first]
        while first.run.queue_mode == "collect" and self.waiting and _collects(first, self.waiting[0]):
            batch.append(self.waiting.popleft())
        self.active = tuple(batch)
        return self.active

    def steering(self) -> tuple[Waiting, ...]:
        """Take the messages at the head of the queue that may join the running turn.

        A message joins only when its sender may do at least what the turn may do, and when it is words alone:
        files do not fit through the port.
        """
        if not self.active:
            return ()
        joining: list[Waiting] = []
        while self.waiting and _steers(self.active[0], self.waiting[0]):
            joining.append(self.waiting.popleft())
        self.active = (*self.active, *joining)
        return tuple(joining)

    def put_back(self, messages: tuple[Waiting, ...]) -> None:
        """Undo `steering` for messages that could not join after all."""
        self.active = tuple(message for message in self.active if message not in messages)
        self.waiting.extendleft(reversed(messages))

    def finish(self) -> None:
        """The turn is over."""
        self.active = ()

    def drop(self, run_id: str | None) -> tuple[Waiting, ...]:
        """Take waiting messages out: one run's, or all."""
        dropped = tuple(message for message in self.waiting if run_id in {None, message.run.run_id})
        self.waiting = deque(message for message in self.waiting if message not in dropped)
        return dropped

    def __iter__(self) -> Iterator[Waiting]:
        yield from self.active
        yield from self.waiting


def _collects(first: Waiting, other: Waiting) -> bool:
    mine, theirs = first.run.request.sender, other.run.request.sender
    same_sender = mine.actor == theirs.actor and mine.scopes == theirs.scopes
    return same_sender and other.run.queue_mode == "collect" and not other.attachments


def _steers(active: Waiting, other: Waiting) -> bool:
    allowed = covers(other.run.request.sender.scopes, active.run.request.sender.scopes)
    return allowed and other.run.queue_mode == "steer" and not other.attachments
