"""One SQLite connection on its own thread; a whole piece of work crosses to it in one hop."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import aiosqlite

from gateway.kernel.store.errors import StoreIoError
from gateway.kernel.store.files import private_dir, private_file

T = TypeVar("T")

Tx = sqlite3.Connection
"""What a unit of work gets: for SQL only. Beginning, committing and rolling back are not its business."""

BUSY_TIMEOUT_S: Final = 5.0
"""Only a foreign program (a backup tool, the sqlite3 shell) can hold the lock; those hold it for moments."""

WAL_PAGES: Final = 1000
"""Checkpoint after about 4 MB of log: SQLite's default, which keeps a checkpoint to a few milliseconds."""

WAL_KEPT_BYTES: Final = 16 * 1024 * 1024
"""A log that a long reader made grow is cut back to this at the next reset."""


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs whole functions instead of single statements."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A start that fails half-way must not hang at exit; every acknowledged commit is already on the disk.
        self._thread.daemon = True
        self.pending = 0
        """Pieces of work submitted and not finished."""

    async def opened(self) -> Self:
        """Open it, and return it.

        Raises:
            BaseException: what the connector raised; the thread has ended then.
        """
        try:
            await self
        except BaseException:
            # aiosqlite only asks its thread to end, and that may report to a loop which is closed by then.
            await asyncio.to_thread(self._thread.join)
            raise
        return self

    def submit(self, work: Callable[[Tx], T]) -> asyncio.Future[T]:
        """Queue `work(connection)` for the thread; it starts even when nobody awaits the future.

        Work whose future is cancelled before its turn is not started. It enters the queue that aiosqlite's
        own `_execute` feeds, without the coroutine around it: a coroutine runs only while somebody awaits it,
        and commits have to go on when the caller that started them is cancelled.

        Raises:
            ValueError: when the connection is closed.
        """
        connection = self._conn
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def call() -> T | None:
            return None if future.cancelled() else work(connection)

        self.pending += 1
        future.add_done_callback(self._finished)
        self._tx.put_nowait((future, call))  # pyright: ignore[reportUnknownMemberType] - theirs is a bare Future
        return future

    async def run(self, work: Callable[[Tx], T]) -> T:
        """`work(connection)`, run on the thread in one piece."""
        return await self.submit(work)

    def _finished(self, _future: asyncio.Future[T]) -> None:
        self.pending -= 1


class WriterTx(sqlite3.Connection):
    """The writer's connection: while a unit runs, it refuses to end the transaction of its neighbours."""

    in_unit = False

    def commit(self) -> None:
        """Commit, outside units only."""
        self._refuse_in_unit()
        super().commit()

    def rollback(self) -> None:
        """Roll back, outside units only."""
        self._refuse_in_unit()
        super().rollback()

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        """Run a script, outside units only: Python commits before a script."""
        self._refuse_in_unit()
        return super().executescript(sql_script)

    def __enter__(self) -> Self:
        self._refuse_in_unit()
        return super().__enter__()

    def _refuse_in_unit(self) -> None:
        if self.in_unit:
            raise RuntimeError("a unit of work neither commits nor rolls back; raise to undo it")


async def open_writer(path: Path, prepare: Callable[[Tx], None], *, durable: bool) -> Connection:
    """Open `path` for writing, creating file (0600) and folder (0700), and run `prepare` on it first.

    `durable`: an acknowledged commit survives loss of power; otherwise only a crash of the process.

    Raises:
        StoreIoError: when the file system cannot hold a write-ahead log.
        sqlite3.Error: unmapped, as are the next ones.
        OSError: when folder or file cannot be made.
    """
    return await Connection(partial(_connect_writer, path, prepare, durable)).opened()


async def open_reader(path: Path) -> Connection:
    """Open an existing database that another connection writes; nothing can be changed through this one.

    Raises:
        sqlite3.Error: unmapped.
    """
    return await Connection(partial(_connect_reader, path)).opened()


def _connect_writer(path: Path, prepare: Callable[[Tx], None], durable: bool) -> sqlite3.Connection:
    private_dir(path.parent)
    private_file(path)
    # "IMMEDIATE" is a safety net: when SQLite itself rolled back under a unit, the unit's next statement
    # opens a transaction that we then discard, where autocommit would keep half of the unit.
    conn = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level="IMMEDIATE", factory=WriterTx)
    try:
        (mode,) = conn.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreIoError(path.name)
        conn.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        conn.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        conn.execute(f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}")
        # Sorting spills stay in memory: a temporary file would hold messages outside our private folder.
        conn.execute("PRAGMA temp_store=MEMORY")
        prepare(conn)
        conn.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        conn.close()
        raise
    return conn


def _connect_reader(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    conn = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        conn.execute("PRAGMA query_only=ON")
        conn.execute("PRAGMA temp_store=MEMORY")
    except BaseException:
        conn.close()
        raise
    return conn
