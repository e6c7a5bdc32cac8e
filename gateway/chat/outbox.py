"""Carries what was said from `state.db` into the transcript: in order, exactly once, also after a crash.

A unit of `state.db` posts entries; after its commit they are pushed here. Entries of one session are appended
one after the other. A crash between the append and the removal of the row leads to a second append, which the
transcript recognises by its idempotency key.
"""

import asyncio
import itertools
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from gateway.chat import store
from gateway.chat.store import OutboxRow
from gateway.kernel.store.db import Database
from gateway.kernel.supervisor import Supervisor
from gateway.sessions.keys import SessionKey
from gateway.transcripts.model import NewEntry, StoredMessage
from gateway.transcripts.service import Transcripts
from protocol.errors import InvalidRequest, NotFound

logger = logging.getLogger(__name__)

SWEEP_INTERVAL_S: Final = 5.0
"""Delivered rows usually leave with the next unit of work; the rest after this time."""

LATER_S: Final = 0.1
"""What a tool was asked and answered is stored together with what follows within this time."""

MAX_BATCH: Final = 32
"""Entries in one commit; a long queue must not hold the writer from others."""


class MessageListener(Protocol):
    """Told about every entry that came into a transcript for the first time."""

    async def stored(self, key: SessionKey, stored: StoredMessage) -> None:
        """Announce it."""
        ...


class TranscriptOutbox:
    """The way into transcripts for everything chat writes."""

    def __init__(
        self, db: Database, transcripts: Transcripts, listener: MessageListener, tasks: Supervisor
    ) -> None:
        self._db = db
        self._tasks = tasks
        self._transcripts = transcripts
        self._listener = listener
        self._queues: defaultdict[SessionKey, deque[OutboxRow]] = defaultdict(deque)
        self._locks: dict[SessionKey, tuple[asyncio.Lock, int]] = {}
        """Each lock with the number of its users."""
        self._delivered: list[int] = []
        self._timers: dict[SessionKey, asyncio.TimerHandle] = {}

    async def load(self) -> None:
        """Take up what an earlier life of the gateway left."""
        self.push(await self._db.read(store.waiting))

    def push(self, rows: Iterable[OutboxRow]) -> None:
        """Queue committed rows."""
        for row in rows:
            self._queues[row.session_key].append(row)

    @property
    def sessions(self) -> tuple[SessionKey, ...]:
        """Sessions with entries on their way."""
        return tuple(self._queues)

    async def sweep_now(self) -> None:
        """Take delivered rows out of the table."""
        done = tuple(self._delivered)
        if done:
            await self._db.write(lambda tx: store.delivered(tx, done))
            self.swept(done)

    @property
    def delivered_ids(self) -> tuple[int, ...]:
        """Rows that are in the transcript and still in the table."""
        return tuple(self._delivered)

    def swept(self, row_ids: Sequence[int]) -> None:
        """These rows have left the table."""
        gone = set(row_ids)
        self._delivered = [row_id for row_id in self._delivered if row_id not in gone]

    async def flush(self, key: SessionKey) -> None:
        """Append everything queued for a session and announce it.

        Raises:
            StoreUnavailable: the disk failed; what is left stays queued.
        """
        if key in self._queues or key in self._locks:
            async with self._alone(key):
                await self._flush(key)

    def later(self, key: SessionKey, session_id: str, entry: NewEntry) -> None:
        """Append an entry soon, after everything queued. It is not in `state.db`: nobody was promised it."""
        self._queues[key].append(OutboxRow(None, key, session_id, entry))
        self.soon(key)

    def soon(self, key: SessionKey) -> None:
        """Flush a session a little later, unless somebody does so before."""
        if key not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(LATER_S, self._flush_later, key)

    def _flush_later(self, key: SessionKey) -> None:
        self._timers.pop(key, None)
        self._tasks.spawn(f"transcript of {key}", self.flush(key))

    async def _flush(self, key: SessionKey) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        queue = self._queues.get(key)
        while queue:
            batch = _same_session(queue)
            for row, stored in zip(batch, await self._deliver(batch), strict=True):
                queue.popleft()
                if row.id is not None:
                    self._delivered.append(row.id)
                if stored is not None:
                    await self._announce(key, stored)
        self._queues.pop(key, None)

    async def _deliver(self, batch: list[OutboxRow]) -> list[StoredMessage | None]:
        """Append rows of one session in one commit; each by itself when one of them does not fit."""
        try:
            return list(await self._transcripts.append(batch[0].session_id, [row.entry for row in batch]))
        except (InvalidRequest, NotFound) as error:
            if len(batch) > 1:
                return [stored for row in batch for stored in await self._deliver([row])]
            # It can never be stored; keeping it would hold back everything behind it.
            logger.error("an entry of run %s does not fit its transcript: %s", batch[0].entry.run_id, error)
            return [None]

    async def _announce(self, key: SessionKey, stored: StoredMessage) -> None:
        if not stored.repeated:
            await self._listener.stored(key, stored)

    @asynccontextmanager
    async def _alone(self, key: SessionKey) -> AsyncGenerator[None]:
        """One writer per session at a time; the lock is forgotten with its last user."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)


def _same_session(queue: deque[OutboxRow]) -> list[OutboxRow]:
    """The rows at the head of a queue that belong to one life of the session."""
    session_id = queue[0].session_id
    head = itertools.islice(queue, MAX_BATCH)
    return list(itertools.takewhile(lambda row: row.session_id == session_id, head))
