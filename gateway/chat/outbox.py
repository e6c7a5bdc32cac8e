"""Carries what was said from `state.db` into the transcript: in order, exactly once, also after a crash.

A unit of `state.db` posts entries; after its commit they are pushed here. Entries of one session are appended
one after the other. A crash between the append and the removal of the row leads to a second append, which the
transcript recognises by its idempotency key.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from gateway.chat import store
from gateway.chat.store import OutboxRow
from gateway.kernel.store.db import Database
from gateway.sessions.keys import SessionKey
from gateway.transcripts.model import NewEntry, StoredMessage
from gateway.transcripts.service import Transcripts
from protocol.errors import InvalidRequest, NotFound

logger = logging.getLogger(__name__)

SWEEP_INTERVAL_S: Final = 5.0
"""Delivered rows usually leave with the next unit of work; the rest after this time."""


class MessageListener(Protocol):
    """Told about every entry that came into a transcript for the first time."""

    async def stored(self, key: SessionKey, stored: StoredMessage) -> None:
        """Announce it."""
        ...


class TranscriptOutbox:
    """The way into transcripts for everything chat writes."""

    def __init__(self, db: Database, transcripts: Transcripts, listener: MessageListener) -> None:
        self._db = db
        self._transcripts = transcripts
        self._listener = listener
        self._queues: defaultdict[SessionKey, deque[OutboxRow]] = defaultdict(deque)
        self._locks: dict[SessionKey, tuple[asyncio.Lock, int]] = {}
        """Each lock with the number of its users."""
        self._delivered: list[int] = []

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

    async def append(self, key: SessionKey, session_id: str, entry: NewEntry) -> StoredMessage:
        """Append an entry that needs no outbox because nobody was promised it; after everything queued.

        Raises:
            StoreUnavailable: the disk failed.
        """
        async with self._alone(key):
            await self._flush(key)
            (stored,) = await self._transcripts.append(session_id, [entry])
            await self._announce(key, stored)
        return stored

    async def _flush(self, key: SessionKey) -> None:
        queue = self._queues.get(key)
        while queue:
            row = queue[0]
            stored = await self._deliver(row)
            queue.popleft()
            self._delivered.append(row.id)
            if stored is not None:
                await self._announce(key, stored)
        self._queues.pop(key, None)

    async def _deliver(self, row: OutboxRow) -> StoredMessage | None:
        try:
            (stored,) = await self._transcripts.append(row.session_id, [row.entry])
        except (InvalidRequest, NotFound) as error:
            # It can never be stored; keeping it would hold back everything behind it.
            logger.error("an entry of run %s does not fit its transcript: %s", row.entry.run_id, error)
            return None
        return stored

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
