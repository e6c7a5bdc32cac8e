"""Checks the chain, and notes its end outside of it."""

import logging
import sqlite3
from typing import Final

import msgspec

from gateway.audit import store
from gateway.audit.seal import Seal
from gateway.audit.store import Note
from gateway.kernel.audit.chain import Break, Head, Walk
from gateway.kernel.audit.trail import SYSTEM, AuditLog
from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard
from gateway.kernel.store.db import Database
from gateway.kernel.store.errors import StoreUnavailable
from protocol.ids import new_id

CHUNK: Final = 1_000
"""Entries read at once: a few milliseconds of work on the reader's thread."""

PART: Final = "audit-chain"
"""Name on the health board."""

BROKEN: Final = "the audit log was changed outside of the gateway; `homarus audit verify` says where"

logger = logging.getLogger(__name__)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk along the chain found."""

    genesis: str
    head: Head
    """How far the chain is whole."""
    broken: Break | None


class AuditKeeper:
    """Keeps watch over the audit log."""

    def __init__(self, log: AuditLog, db: Database, seal: Seal, clock: Clock, health: HealthBoard) -> None:
        self._log = log
        self._db = db
        self._seal = seal
        self._clock = clock
        self._health = health
        self._noted: Head | None = None

    async def begin(self) -> None:
        """Begin a chain, or hold the one there is against what was noted last.

        Raises:
            StoreUnavailable: when a file cannot be written.
        """
        broken = await self._disagreement(await self._db.read(store.all_notes))
        if self._log.head.seq == 0:
            await self._log.record_durably("audit.began", actor=SYSTEM, details={"chain": new_id()})
        if broken is not None:
            await self._db.write(lambda tx: store.keep(tx, broken))
            self._log.record(
                "audit.broken",
                actor=SYSTEM,
                subject=str(broken.seq),
                outcome=broken.problem,
            )
            logger.error("audit.db: entry %d is %s", broken.seq, broken.problem)
            self._health.report(PART, ok=False, detail=BROKEN)

    async def note(self) -> None:
        """Note where the chain ends, if it has grown.

        Raises:
            StoreUnavailable: when it cannot be written; the next time notes more.
        """
        head = self._log.head
        if head in {self._noted, Head(0, "")} or head.seq == 0:
            return
        note = Note(head, self._seal.of(head), self._clock.now_ms())
        await self._db.write(lambda tx: store.replace(tx, note))
        self._noted = head

    async def verify(self, expected: Head | None = None) -> Verification:
        """Follow the chain from its beginning and hold it against everything noted.

        Args:
            expected: An end that a person noted elsewhere.

        Raises:
            StoreUnavailable: when what waits cannot be written.
        """
        await self._log.flush()
        live = self._log.head
        written = await self._db.read(store.all_notes)
        noted = {live.seq: live.hash}
        if expected is not None:
            noted[expected.seq] = expected.hash
        walk = Walk(noted)
        found = (await self._follow(walk) or await self._foreign(walk), await self._disagreement(written))
        breaks = [item for item in found if item is not None]
        broken = min(breaks, key=lambda item: item.seq) if breaks else None
        if broken is not None:
            self._health.report(PART, ok=False, detail=BROKEN)
        return Verification(genesis=walk.genesis, head=walk.head, broken=broken)

    async def _follow(self, walk: Walk) -> Break | None:
        limit = CHUNK
        while True:
            try:
                entries = await self._log.entries(walk.head.seq, limit)
            except (StoreUnavailable, sqlite3.Error):
                if limit == 1:
                    return Break(walk.head.seq + 1, "unreadable")
                limit = 1
                continue
            for entry in entries:
                if (broken := walk.step(entry)) is not None:
                    return broken
            if not entries:
                return walk.end()

    async def _foreign(self, walk: Walk) -> Break | None:
        """Whether the file goes on beyond what we wrote."""
        # What we are writing may be in the file already; after this it is counted.
        await self._log.flush()
        mine = self._log.head.seq
        return Break(mine + 1, "foreign") if walk.head.seq > mine else None

    async def _disagreement(self, written: list[Note]) -> Break | None:
        """What the oldest note says that the chain does not bear out."""
        for note in written:
            if not self._seal.holds(note):
                return Break(note.head.seq, "unsealed")
            try:
                found = await self._log.entries(note.head.seq - 1, 1)
            except (StoreUnavailable, sqlite3.Error):
                return note.broken or Break(note.head.seq, "unreadable")
            if not found:
                return note.broken or Break(self._log.head.seq + 1, "cut")
            if found[0].head != note.head:
                return note.broken or Break(note.head.seq, "rewritten")
        return None
