"""Group commit: many callers' units in one transaction, each of them all or nothing on its own."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.kernel.store.connection import Tx, WriterTx
from gateway.kernel.store.errors import store_error

MAX_BATCH_UNITS: Final = 512
"""Units in one transaction; settling as many futures takes the event loop well under a millisecond."""

MAX_BATCH_S: Final = 0.010
"""Time for running units before they are committed; with the fsync a batch stays near 20 ms."""


class Job:
    """A unit that waits for its commit."""

    __slots__ = ("committed", "error", "run")

    def __init__(self, run: Callable[[Tx], None], committed: asyncio.Future[None]) -> None:
        self.run = run
        self.committed = committed
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller, on the event loop. A caller that has gone is not told."""
        if self.committed.done():
            return
        if self.error is None:
            self.committed.set_result(None)
        elif isinstance(self.error, StopIteration):
            # A future cannot carry StopIteration; a unit that called next() on no rows raises it.
            wrapped = RuntimeError("unit raised StopIteration")
            wrapped.__cause__ = self.error
            self.committed.set_exception(wrapped)
        else:
            self.committed.set_exception(self.error)


class GroupCommit:
    """The queue of units and the transactions that empty it. `name` is the file's, for error messages."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.queue: deque[Job] = deque()
        """Filled by the event loop, emptied by the writer's thread; a deque's ends need no lock."""
        self.commits = 0
        self.units = 0
        self.last_batch_units = 0

    def drain(self, conn: Tx, deliver: Callable[[list[Job]], object]) -> None:
        """Commit batches on the writer's thread until the queue is empty, handing each to `deliver`."""
        if not isinstance(conn, WriterTx):
            raise TypeError("only a writer's connection commits")
        while self.queue:
            deliver(self._commit_batch(conn))

    def _commit_batch(self, conn: WriterTx) -> list[Job]:
        """Run and commit one batch; every job of the returned list knows its outcome."""
        batch: list[Job] = []
        try:
            _begin(conn)
            if not (self._run_units(conn, batch) and self._commit(conn, batch)):
                self._run_survivors(conn, batch)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the callers that wait must hear it
            if not batch:
                batch = [self.queue.popleft() for _ in range(min(len(self.queue), MAX_BATCH_UNITS))]
            self._fail(batch, error)
        # A rollback that fails is tried again, and reported, when the next batch begins.
        with suppress(sqlite3.Error):
            _roll_back(conn)
        return batch

    def _run_units(self, conn: WriterTx, batch: list[Job]) -> bool:
        """Move units from the queue into `batch`, running each; False when SQLite dropped the transaction."""
        deadline = time.monotonic() + MAX_BATCH_S
        while self.queue and len(batch) < MAX_BATCH_UNITS and time.monotonic() < deadline:
            job = self.queue.popleft()
            batch.append(job)
            if not job.committed.cancelled() and not self._run_unit(conn, job):
                return False
        return True

    def _run_unit(self, conn: WriterTx, job: Job) -> bool:
        """Run one unit, undoing it alone when it fails; False when that took the transaction with it."""
        conn.execute("SAVEPOINT unit")
        conn.in_unit = True
        try:
            job.run(conn)
            _release(conn)
        except BaseException as error:  # noqa: BLE001 - it belongs to the unit's caller, who gets it
            job.error = store_error(error, self._name)
            return _undo(conn)
        finally:
            conn.in_unit = False
        return True

    def _commit(self, conn: WriterTx, batch: list[Job]) -> bool:
        """Commit; False when a deferred constraint of one unit forbids it for all."""
        try:
            conn.execute("COMMIT")
        except sqlite3.IntegrityError:
            return False
        self.commits += 1
        self.last_batch_units = len(batch)
        self.units += sum(job.error is None for job in batch)
        return True

    def _run_survivors(self, conn: WriterTx, batch: list[Job]) -> None:
        """After one unit cost all their transaction: give each of the others one of its own."""
        for job in batch:
            if job.error is not None or job.committed.cancelled():
                continue
            try:
                _begin(conn)
                if self._run_unit(conn, job) and not self._commit(conn, [job]):
                    conn.execute("COMMIT")  # fails again, now as the error of the one unit that is at fault
            except sqlite3.Error as error:
                self._fail([job], error)

    def _fail(self, batch: list[Job], error: BaseException) -> None:
        for job in batch:
            if job.error is None:
                job.error = store_error(error, self._name)


def _begin(conn: Tx) -> None:
    _roll_back(conn)
    conn.execute("BEGIN IMMEDIATE")


def _roll_back(conn: Tx) -> None:
    if conn.in_transaction:
        conn.execute("ROLLBACK")


def _release(conn: Tx) -> None:
    """Make the unit part of the batch.

    Raises:
        RuntimeError: when the unit, or SQLite under it, ended the transaction and the unit went on.
    """
    try:
        conn.execute("RELEASE unit")
    except sqlite3.OperationalError as error:
        raise RuntimeError("the unit outlived its transaction; let SQLite's errors pass") from error


def _undo(conn: Tx) -> bool:
    """Undo the unit alone; False when its transaction is gone and with it the whole batch."""
    try:
        conn.execute("ROLLBACK TO unit")
        conn.execute("RELEASE unit")
    except sqlite3.OperationalError:
        return False
    return True
