"""The asynchronous face of one SQLite file: whole units in, group commits out, snapshot reads beside them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from gateway.kernel.store.backup import copy_database
from gateway.kernel.store.commit import GroupCommit, Job
from gateway.kernel.store.connection import Connection, Tx, open_reader, open_writer
from gateway.kernel.store.errors import StoreClosed, store_errors
from gateway.kernel.store.migrate import Migration, apply
from gateway.kernel.store.readers import Readers
from protocol.errors import Overloaded

__all__ = ["Database", "StoreStats", "Tx"]

T = TypeVar("T")

MAX_QUEUED_UNITS: Final = 10_000
"""A few seconds of writing at the measured rate; more waiting than that only adds latency for everyone."""


class StoreStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a database did since it was opened, and its size."""

    commits: int
    """Transactions committed."""
    units: int
    """Units of work in them; units per commit is what group commit saves."""
    last_batch_units: int
    queued_units: int
    file_bytes: int
    wal_bytes: int
    """Size of the write-ahead log beside the file."""


class Database:
    """One SQLite file with one writer and a few readers.

    Every `write` is a whole unit: it is in the file entirely or not at all, and nobody sees a part of it.
    """

    def __init__(self, path: Path, writer: Connection) -> None:
        self._path = path
        self._wal_path = path.with_name(f"{path.name}-wal")
        self._writer = writer
        self._readers = Readers(path)
        self._group = GroupCommit(path.name)
        self._draining: asyncio.Future[None] | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, path: Path, migrations: Sequence[Migration], *, durable: bool = True) -> Self:
        """Open or create `path` (0600, its folder 0700) and bring its tables up to date.

        `durable`: `write` returns only when the commit survives a loss of power; without it, a crash of the
        process is survived, and a loss of power may cost the last commits but never the file.

        Raises:
            StoreUnavailable: when the file cannot be opened, read or written.
            SchemaError: when its migrations do not fit this software, or one failed.
        """
        pending = tuple(migrations)
        with store_errors(path.name):
            writer = await open_writer(path, lambda conn: apply(conn, pending), durable=durable)
        return cls(path, writer)

    @property
    def commits(self) -> int:
        """Transactions committed since opening; while it stays the same, every read gives the same.

        The commit that a returned `write` was part of is counted.
        """
        return self._group.commits

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run `unit` and return its result once the commit that contains it is done.

        The unit gets a connection for SQL only, on another thread: it must not touch the event loop, wait for
        anything, or begin, commit or roll back. What it raises undoes it alone and is raised here. Units run
        in the order they were queued. One may be run a second time, when a neighbour cost both their
        transaction, so it keeps no state outside the database.

        When the caller is cancelled, a unit that has not begun is dropped; one that has may still commit.

        Raises:
            Overloaded: when 10 000 units wait already; this one was not queued.
            StoreUnavailable: when the disk or file failed; the unit is not in the database.
            sqlite3.IntegrityError: when the unit broke a constraint.
        """
        if self._closed:
            raise StoreClosed(self._path.name)
        if len(self._group.queue) >= MAX_QUEUED_UNITS:
            raise Overloaded(f"{self._path.name}: too many writes are waiting; try again shortly")
        result: list[T] = []

        def run(tx: Tx) -> None:
            result[:] = (unit(tx),)

        committed: asyncio.Future[None] = self._loop.create_future()
        self._group.queue.append(Job(run, committed))
        self._drain()
        await committed
        return result[0]

    async def read(self, query: Callable[[Tx], T]) -> T:
        """Run `query` on a read-only snapshot of what is committed, beside the writer.

        All its statements see the same state, at least as new as every `write` that has returned. It returns
        plain values: a cursor cannot leave its thread.

        Raises:
            Overloaded: when too many reads wait already.
            StoreUnavailable: when the disk or file failed.
        """
        with store_errors(self._path.name):
            return await self._readers.run(query)

    async def backup_to(self, target: Path) -> None:
        """Write a consistent copy to `target` (mode 0600), replacing it, while reading and writing go on.

        The copy holds everything whose `write` had returned. `target` appears only when complete; a cancelled
        or failed backup leaves nothing.

        Raises:
            StoreUnavailable: when the source cannot be read or the target cannot be written.
        """
        if self._closed:
            raise StoreClosed(self._path.name)
        stop = threading.Event()
        with store_errors(target.name):
            source = await open_reader(self._path)
            try:
                await source.run(partial(copy_database, target=target, stopped=stop.is_set))
            finally:
                stop.set()
                await source.close()

    async def close(self) -> None:
        """Commit what is queued, then close. Later calls raise `StoreClosed`; closing twice is fine."""
        self._closed = True
        while self._draining is not None:
            await asyncio.wait([self._draining])
        await self._readers.close()
        await self._writer.close()

    def stats(self) -> StoreStats:
        """Counters since opening and the sizes on disk, without waiting for anything."""
        return StoreStats(
            commits=self.commits,
            units=self._group.units,
            last_batch_units=self._group.last_batch_units,
            queued_units=len(self._group.queue),
            file_bytes=_size(self._path),
            wal_bytes=_size(self._wal_path),
        )

    def _drain(self) -> None:
        """Have the writer's thread empty the queue, unless it is at it."""
        if self._draining is None:
            self._draining = self._writer.submit(partial(self._group.drain, deliver=self._deliver))
            self._draining.add_done_callback(self._drained)

    def _deliver(self, batch: list[Job]) -> None:
        """On the writer's thread: one hop back for a whole batch."""
        self._loop.call_soon_threadsafe(_settle, batch)

    def _drained(self, _drain: asyncio.Future[None]) -> None:
        # Only the loop starts and ends a drain: a unit queued as the thread saw an empty queue is found here.
        self._draining = None
        if self._group.queue:
            self._drain()


def _settle(batch: list[Job]) -> None:
    for job in batch:
        job.settle()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
