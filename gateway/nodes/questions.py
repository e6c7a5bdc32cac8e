"""Questions kept for sleeping nodes: `node.pending.enqueue` and `.drain`.

Source: OpenClaw 2026.9.6, observed; its gateway keeps them in memory, ours survive a restart.
"""

from typing import Final, NamedTuple

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from gateway.nodes.registry import NodeRegistry
from protocol.ids import new_id
from protocol.methods.node_work import NodePendingDrained, NodePendingEnqueue, NodePendingQueued
from protocol.nouns.node import PendingItem, PendingType

TTL_MS: Final = 86_400_000
"""Unless the asker says otherwise. Source: OpenClaw."""

BASELINE_ID: Final = "baseline-status"


class _Taken(NamedTuple):
    items: list[PendingItem]
    left: int
    status_asked: bool
    revision: int


class NodeQuestions:
    """One question of each type per node, until it is handed out or expires."""

    def __init__(self, db: Database, registry: NodeRegistry, clock: Clock) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock

    async def enqueue(self, call: NodePendingEnqueue) -> NodePendingQueued:
        """Keep a question; one of its type that waits already is the answer.

        Raises:
            UnknownNode: there is none.
        """
        await self._registry.record(call.node_id)
        now_ms = self._clock.now_ms()
        item = PendingItem(
            id=new_id(),
            type=call.type,
            priority=call.priority,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + (call.expires_in_ms or TTL_MS),
        )

        def unit(tx: Tx) -> tuple[PendingItem, int]:
            _prune(tx, call.node_id, now_ms)
            known = next((one for one in _waiting(tx, call.node_id) if one.type == call.type), None)
            if known is not None:
                return known, _revision(tx, call.node_id, 0)
            tx.execute(
                "INSERT INTO node_questions (id, node_id, type, priority, created_ms, expires_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (item.id, call.node_id, item.type, item.priority, item.created_at_ms, item.expires_at_ms),
            )
            return item, _revision(tx, call.node_id, 1)

        queued, revision = await self._db.write(unit)
        # Nothing here can wake a phone: that takes a push service.
        return NodePendingQueued(node_id=call.node_id, revision=revision, queued=queued, wake_triggered=False)

    async def drain(self, node_id: str, max_items: int) -> NodePendingDrained:
        """Hand out what waits; without a question for its status, a node gets the standing one."""
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> _Taken:
            _prune(tx, node_id, now_ms)
            waiting = _waiting(tx, node_id)
            items = waiting[:max_items]
            for item in items:
                tx.execute("DELETE FROM node_questions WHERE id = ?", (item.id,))
            asked = any(item.type == "status.request" for item in waiting)
            return _Taken(items, len(waiting) - len(items), asked, _revision(tx, node_id, int(bool(items))))

        taken = await self._db.write(unit)
        items, has_more = taken.items, taken.left > 0
        if not taken.status_asked and len(items) < max_items:
            items = [*items, _baseline(now_ms)]
        elif not taken.status_asked:
            has_more = True
        return NodePendingDrained(node_id=node_id, revision=taken.revision, items=items, has_more=has_more)


def _baseline(now_ms: int) -> PendingItem:
    return PendingItem(
        id=BASELINE_ID, type="status.request", priority="default", created_at_ms=now_ms, expires_at_ms=None
    )


def _prune(tx: Tx, node_id: str, now_ms: int) -> None:
    gone = tx.execute("DELETE FROM node_questions WHERE node_id = ? AND expires_ms <= ?", (node_id, now_ms))
    if gone.rowcount:
        _revision(tx, node_id, 1)


def _waiting(tx: Tx, node_id: str) -> list[PendingItem]:
    rows = tx.execute(
        "SELECT id, type, priority, created_ms, expires_ms FROM node_questions"
        " WHERE node_id = ? ORDER BY priority <> 'high', created_ms, id",
        (node_id,),
    )
    return [_item(*row) for row in rows]


def _item(item_id: str, kind: PendingType, priority: str, created_ms: int, expires_ms: int) -> PendingItem:
    return PendingItem(
        id=item_id,
        type=kind,
        priority="high" if priority == "high" else "normal",
        created_at_ms=created_ms,
        expires_at_ms=expires_ms,
    )


def _revision(tx: Tx, node_id: str, more: int) -> int:
    """The node's counter, after adding to it."""
    tx.execute(
        "INSERT INTO node_question_revisions (node_id, revision) VALUES (?, ?)"
        " ON CONFLICT (node_id) DO UPDATE SET revision = revision + excluded.revision",
        (node_id, more),
    )
    row = tx.execute("SELECT revision FROM node_question_revisions WHERE node_id = ?", (node_id,)).fetchone()
    return int(row[0])
