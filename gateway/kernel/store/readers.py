"""Read-only connections beside the writer, opened when first needed."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from gateway.kernel.store.connection import Connection, Tx, open_reader
from gateway.kernel.store.errors import StoreClosed
from protocol.errors import Overloaded

T = TypeVar("T")

MAX_READERS: Final = 2
"""The second keeps short reads short while a long one (a search) runs; each costs a thread and a cache."""

MAX_QUEUED_READS: Final = 10_000
"""As for writes: a bound on memory, far above what any client causes."""


class Readers:
    """Runs queries on the least busy reader of a database that a writer keeps open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: list[Connection] = []
        self._opening = asyncio.Lock()
        self._closed = False

    async def run(self, query: Callable[[Tx], T]) -> T:
        """`query(tx)` on one snapshot.

        Raises:
            Overloaded: when too many queries wait already.
            StoreClosed: after `close()`.
            sqlite3.Error: unmapped.
        """
        reader = await self._least_busy()
        if reader.pending >= MAX_QUEUED_READS:
            raise Overloaded(f"{self._path.name}: too many reads are waiting; try again shortly")
        return await reader.run(partial(_in_snapshot, query))

    async def close(self) -> None:
        """Finish the queries under way and close every reader."""
        async with self._opening:
            self._closed = True
            while self._connections:
                await self._connections.pop().close()

    async def _least_busy(self) -> Connection:
        idle = self._idle()
        if idle is None and len(self._connections) < MAX_READERS:
            async with self._opening:
                idle = self._idle()
                if idle is None and len(self._connections) < MAX_READERS and not self._closed:
                    self._connections.append(await open_reader(self._path))
        if self._closed:
            raise StoreClosed(self._path.name)
        return idle or min(self._connections, key=lambda reader: reader.pending)

    def _idle(self) -> Connection | None:
        return next((reader for reader in self._connections if reader.pending == 0), None)


def _in_snapshot(query: Callable[[Tx], T], conn: Tx) -> T:
    conn.execute("BEGIN")
    try:
        return query(conn)
    finally:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
