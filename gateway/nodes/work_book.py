"""The book of work: every step of every piece is written down first, and only then told."""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database, Tx
from gateway.nodes import work_store as store
from gateway.nodes.work_model import WorkRow
from protocol.errors import NotFound, Overloaded
from protocol.events.nodes import NodeWorkChanged

T = TypeVar("T")

KEEP_MS: Final = 7 * 86_400_000
"""How long work is shown after its end, and its key remembered: a repeat comes within a holiday weekend."""

KEEP_ROWS: Final = 10_000
"""Ended work beyond this is forgotten earlier, oldest first; a household has some hundred pieces a week."""

MAX_OPEN: Final = {"work": 256, "foreground": 64}
"""What may wait for one node, by kind. Source of the second: OpenClaw 2026.9.6."""


class TooMuchWaits(Overloaded):
    """A node has as much waiting for it as it may."""

    detail_code = "TOO_MUCH_WORK"
    retry_after_ms = 60_000

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} pieces of work wait for this node already; try again when it did some")


class Desk:
    """What a unit of work on the book may do. Rows it adds or saves are announced after the commit."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.changed: list[WorkRow] = []

    def add(self, row: WorkRow) -> WorkRow:
        """Enter new work.

        Raises:
            TooMuchWaits: for its node.
        """
        most = MAX_OPEN[row.kind]
        if store.count_open(self.tx, row.node_id, row.kind) >= most:
            raise TooMuchWaits(most)
        added = store.insert(self.tx, row)
        self.changed.append(added)
        return added

    def save(self, row: WorkRow) -> WorkRow:
        """Write a step down."""
        store.save(self.tx, row)
        self.changed.append(row)
        return row


class WorkBook:
    """Reads and writes the book, tells operators and watchers what changed, and lets work expire."""

    def __init__(self, db: Database, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock
        self._watchers: list[Callable[[WorkRow], None]] = []
        self._foreground: dict[tuple[str, str], str] = {}
        self._next_expiry_ms: int | None = None
        self.busy: set[str | None] = set()
        """Nodes that may have open work, so that all others cost nothing; None: some waits for a choice."""

    def watch(self, watcher: Callable[[WorkRow], None]) -> None:
        """Call `watcher` with each row that changed, once that is on the disk."""
        self._watchers.append(watcher)

    async def load(self) -> None:
        """After a start: what a node without a ledger had is lost, and what was only chosen is free."""
        now_ms = self._clock.now_ms()

        def unit(desk: Desk) -> list[tuple[str, str, str]]:
            known = {None, *store.node_ids(desk.tx)}
            for row in store.everything_open(desk.tx):
                if row.node_id not in known and not row.free:
                    desk.save(row.orphaned(now_ms))
                elif row.under_way and row.kind == "work" and not row.ledger:
                    desk.save(row.lost(now_ms, "the gateway stopped before the node answered"))
                elif row.free:
                    desk.save(row.assigned(None, row.reason))
            return store.foreground_keys(desk.tx)

        keys = await self.change(unit)
        self._foreground.update({(actor, key): work_id for actor, key, work_id in keys})
        rows = await self._db.read(store.everything_open)
        self.busy.update(row.node_id for row in rows)
        self._next_expiry_ms = min((row.expires_ms for row in rows), default=None)

    async def read(self, query: Callable[[Tx], T]) -> T:
        """Look something up."""
        return await self._db.read(query)

    async def find(self, work_id: str) -> WorkRow:
        """One piece of work.

        Raises:
            NotFound: there is none.
        """
        row = await self._db.read(lambda tx: store.find(tx, work_id))
        if row is None:
            raise NotFound(f"id: no work {work_id}", {"field": "id"})
        return row

    def foreground_action(self, actor: str, key: str) -> str | None:
        """The action that was kept under a key of `node.invoke`, without looking into the database."""
        return self._foreground.get((actor, key))

    async def change(self, unit: Callable[[Desk], T]) -> T:
        """Run a unit on the book; all of it counts, or nothing."""

        def run(tx: Tx) -> tuple[T, list[WorkRow]]:
            desk = Desk(tx)
            return unit(desk), desk.changed

        result, changed = await self._db.write(run)
        for row in changed:
            self._tell(row)
        return result

    def _tell(self, row: WorkRow) -> None:
        key = (row.actor, row.key)
        if row.ended_ms is None:
            self.busy.add(row.node_id)
            self._next_expiry_ms = min(row.expires_ms, self._next_expiry_ms or row.expires_ms)
        if row.kind == "foreground":
            if row.state not in {"expired", "cancelled"}:
                self._foreground[key] = row.id
            elif self._foreground.get(key) == row.id:
                del self._foreground[key]
        self._hub.publish(msgspec.convert(msgspec.to_builtins(row.noun(whole=False)), NodeWorkChanged))
        for watcher in self._watchers:
            watcher(row)

    # Growing old

    async def expire(self) -> None:
        """End what nobody did in time; without a look into the database while nothing is due."""
        now_ms = self._clock.now_ms()
        if self._next_expiry_ms is None or now_ms < self._next_expiry_ms:
            return

        def unit(desk: Desk) -> int | None:
            for row in store.expired(desk.tx, now_ms):
                desk.save(row.ended("expired", now_ms, _expired(row)))
            return store.next_expiry_ms(desk.tx)

        self._next_expiry_ms = None  # what is added meanwhile sets it anew
        try:
            next_ms = await self.change(unit)
        except BaseException:
            self._next_expiry_ms = now_ms
            raise
        known = [time_ms for time_ms in (next_ms, self._next_expiry_ms) if time_ms is not None]
        self._next_expiry_ms = min(known, default=None)

    async def reap(self) -> None:
        """Forget what ended long ago."""
        before_ms = self._clock.now_ms() - KEEP_MS
        gone = await self._db.write(lambda tx: store.reap(tx, before_ms, KEEP_ROWS))
        for actor, key, work_id in gone:
            if self._foreground.get((actor, key)) == work_id:
                del self._foreground[actor, key]


def _expired(row: WorkRow) -> str:
    if row.under_way:
        return "the node had it and did not say in time how it ended"
    return f"nobody did it in time: {row.reason}" if row.reason else "nobody did it in time"
