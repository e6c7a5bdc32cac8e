"""The audit log as features use it: `record` and go on, or `record_durably` and be sure."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol, Self

import msgspec

from gateway.kernel.audit import store
from gateway.kernel.audit.chain import Draft, Entry, Head, link
from gateway.kernel.audit.details import Detail, clean, encoded
from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard
from gateway.kernel.retry import Backoff
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.errors import StoreClosed, StoreUnavailable
from gateway.kernel.supervisor import Supervisor
from gateway.kernel.waiters import woken_within
from protocol.errors import GatewayError, Overloaded

SYSTEM: Final = "system"
"""Actor of what the gateway does by itself."""

LOST: Final = "audit.lost"

MAX_QUEUED: Final = 5_000
"""A few megabytes, and seconds of writing; only a disk that has stopped lets more come together."""

MAX_BATCH: Final = 500

LINGER_MS: Final = 50.0
"""Plain entries of this time share one commit. Whoever waits is not made to wait for it."""

_ACTION: Final = re.compile(r"[a-z][A-Za-z]*(\.[a-zA-Z]+)+")

logger = logging.getLogger(__name__)


class Recorder(Protocol):
    """The audit log for parts that only record."""

    def record(
        self,
        action: str,
        *,
        actor: str,
        subject: str = "",
        outcome: str = "ok",
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        """See `AuditLog.record`."""
        ...


class AuditOverloaded(Overloaded):
    """Too much waits to be recorded; what must not happen unrecorded does not happen now."""


class _Queued(msgspec.Struct, frozen=True, kw_only=True):
    ts_ms: int
    action: str
    actor: str
    subject: str
    outcome: str
    details: Mapping[str, Detail] | None
    written: asyncio.Future[Head] | None = None
    """Somebody waits until it is on the disk."""

    @property
    def draft(self) -> Draft:
        """What is recorded: bounded, harmless, without secrets."""
        return Draft(
            ts_ms=self.ts_ms,
            action=self.action,
            actor=clean(self.actor),
            subject=clean(self.subject),
            outcome=clean(self.outcome),
            details=encoded(self.details),
        )


class AuditLog:
    """The one audit log. Entries are written in the order they were recorded, many in one commit.

    A plain entry is on the disk within a fraction of a second; a crash may lose the last ones. When too many
    wait they are dropped and counted, and the count is recorded as `audit.lost`.

    About 0.5 KB an entry, so 100 MB hold 200 000 of them; nothing is ever removed.
    """

    def __init__(self, db: Database, clock: Clock, tasks: Supervisor, head: Head) -> None:
        self._db = db
        self._clock = clock
        self._tasks = tasks
        self._head = head
        self._queue: deque[_Queued] = deque()
        self._lost = 0
        self._pressed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._closed = False
        self._health: HealthBoard | None = None

    @classmethod
    async def open(cls, db: Database, clock: Clock, tasks: Supervisor) -> Self:
        """Take up the chain in `db`, whose table it has already.

        Raises:
            StoreUnavailable: when the file cannot be read.
        """
        return cls(db, clock, tasks, await db.read(store.head))

    def report_to(self, health: HealthBoard) -> None:
        """Say there, as part `audit`, when entries cannot be written."""
        self._health = health

    @property
    def head(self) -> Head:
        """The last entry on the disk."""
        return self._head

    @property
    def file_bytes(self) -> int:
        """Size of the database with its log."""
        stats = self._db.stats()
        return stats.file_bytes + stats.wal_bytes

    def record(
        self,
        action: str,
        *,
        actor: str,
        subject: str = "",
        outcome: str = "ok",
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        """Add an entry without waiting for anything. Never fails.

        Args:
            action: Dotted name such as `device.pair.approved`.
            actor: `Principal.actor`, `agent:<id>`, or `SYSTEM`.
            subject: What it was done to.
            outcome: `ok`, or a word such as `refused`.
            details: What else a reader needs. Never a secret: values of settings, tokens, message texts.
        """
        if len(self._queue) >= MAX_QUEUED or self._closed:
            self._lost += 1
            return
        self._put(self._queued(action, actor, subject, outcome, details=details))

    async def record_durably(
        self,
        action: str,
        *,
        actor: str,
        subject: str = "",
        outcome: str = "ok",
        details: Mapping[str, Detail] | None = None,
    ) -> Head:
        """Like `record`, and return once the entry is on the disk: for what must not happen unrecorded.

        Raises:
            AuditOverloaded: when too much waits already.
            StoreUnavailable: when the disk fails; there is no entry then.
        """
        if self._closed:
            raise StoreClosed("audit.db")
        if len(self._queue) >= MAX_QUEUED:
            raise AuditOverloaded("audit.db: too many entries are waiting; try again shortly")
        written: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        self._put(self._queued(action, actor, subject, outcome, details=details, written=written))
        self._pressed.set()
        return await written

    async def entries(self, after_seq: int, limit: int) -> list[Entry]:
        """Entries after `after_seq`, oldest first; for whoever follows the chain."""
        return await self._db.read(lambda tx: store.following(tx, after_seq, limit))

    async def page(
        self, wanted: store.Filter, after_seq: int | None, limit: int, *, oldest_first: bool
    ) -> list[Entry]:
        """Entries that match, newest first unless `oldest_first`, beyond `after_seq`."""
        with suppress(StoreUnavailable):  # a log that cannot be written can still be read
            await self.flush()
        return await self._db.read(
            lambda tx: store.page(tx, wanted, after_seq, limit, oldest_first=oldest_first)
        )

    async def flush(self) -> None:
        """Return when everything recorded so far is on the disk.

        Raises:
            StoreUnavailable: when the disk fails.
        """
        while self._queue:
            await self._write()

    async def close(self) -> None:
        """Write what waits; what is recorded later is lost. After every task has ended."""
        self._closed = True
        try:
            await self.flush()
        except StoreUnavailable as error:
            logger.error("%d audit entries were not written: %s", len(self._queue), error)

    def _queued(
        self,
        action: str,
        actor: str,
        subject: str,
        outcome: str,
        *,
        details: Mapping[str, Detail] | None,
        written: asyncio.Future[Head] | None = None,
    ) -> _Queued:
        if _ACTION.fullmatch(action) is None:
            raise ValueError(f"{action!r} is no dotted name")
        return _Queued(
            ts_ms=self._clock.now_ms(),
            action=action,
            actor=actor,
            subject=subject,
            outcome=outcome,
            details=details,
            written=written,
        )

    def _put(self, entry: _Queued) -> None:
        self._admit_lost()
        self._queue.append(entry)
        if self._writer is None:
            self._writer = self._tasks.spawn("audit writer", self._run())

    def _admit_lost(self) -> None:
        if self._lost:
            count, self._lost = self._lost, 0
            self._queue.append(self._queued(LOST, SYSTEM, "", "lost", details={"count": count}))

    async def _run(self) -> None:
        """Write until nothing waits."""
        backoff = Backoff(initial_s=0.25, max_s=10.0)
        try:
            while self._queue:
                if len(self._queue) < MAX_BATCH:
                    await woken_within(self._pressed, LINGER_MS)
                self._pressed.clear()
                try:
                    await self._write()
                except StoreUnavailable as error:
                    self._failed(error)
                    await self._clock.sleep(backoff.next_s())
                else:
                    backoff.reset()
                    self._report(ok=True)
                    if not self._queue:
                        self._admit_lost()
        finally:
            self._writer = None

    async def _write(self) -> None:
        """Chain and commit what waits. Cancelled half-way, the next call gives the same again."""
        async with self._writing:
            batch, head = list(islice(self._queue, MAX_BATCH)), self._head

            def unit(tx: Tx) -> list[Entry]:
                # On the writer's thread: cleaning and hashing a batch takes milliseconds.
                entries = _linked(head, batch)
                store.append(tx, entries)
                return entries

            for queued, entry in zip(batch, await self._db.write(unit), strict=True):
                self._head = entry.head
                self._queue.popleft()
                if queued.written is not None and not queued.written.done():
                    queued.written.set_result(entry.head)

    def _failed(self, error: GatewayError) -> None:
        """Plain entries stay for the next try; those somebody waits for are withdrawn with their cause."""
        self._report(ok=False, detail=f"the audit log cannot be written: {error.message}")
        kept = [queued for queued in self._queue if queued.written is None]
        for queued in self._queue:
            if queued.written is not None and not queued.written.done():
                queued.written.set_exception(error)
        self._queue = deque(kept)

    def _report(self, *, ok: bool, detail: str = "") -> None:
        if self._health is not None:
            self._health.report("audit", ok, detail)


def _linked(head: Head, batch: Iterable[_Queued]) -> list[Entry]:
    """The batch as the entries after `head`."""
    entries: list[Entry] = []
    for queued in batch:
        entry = link(head, queued.draft)
        entries.append(entry)
        head = entry.head
    return entries
