"""What nodes say about work: that they fetch it, that they have it, and how it ended."""

from typing import Final, NamedTuple

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.supervisor import Supervisor
from gateway.nodes import work_store as store
from gateway.nodes.delivery import Delivery, keeps_ledger
from gateway.nodes.foreground import WAITS, in_background
from gateway.nodes.invoke import check_payload
from gateway.nodes.model import LiveNode
from gateway.nodes.work_book import Desk, WorkBook
from gateway.nodes.work_model import Outcome, WorkRow
from protocol.methods.node_reports import NodeInvokeResult
from protocol.nouns.node import NodeFailure, PendingAction

TAKEN_WITHIN_S: Final = 5.0
"""A node writes what it fetched to its disk and says so; what it leaves out it does not take now."""

NOT_READY: Final = "NODE_NOT_READY"
"""A node that just woke up. Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md."""


class Acknowledged(NamedTuple):
    """Which ids are off a node's list, and how much is left on it."""

    ids: list[str]
    remaining: int


class WorkReports:
    """The node's side of the book. Each node sees and touches its own work only."""

    def __init__(self, book: WorkBook, delivery: Delivery, clock: Clock, tasks: Supervisor) -> None:
        self._book = book
        self._delivery = delivery
        self._clock = clock
        self._tasks = tasks

    async def pull(self, live: LiveNode) -> list[PendingAction]:
        """Hand out what waits for the node to fetch it, oldest first; it stays until acknowledged."""
        if live.node_id not in self._book.busy:
            return []
        now_ms, ledger = self._clock.now_ms(), keeps_ledger(live)

        def unit(desk: Desk) -> list[WorkRow]:
            found: list[WorkRow] = []
            for light in _to_fetch(desk, live):
                row = store.find(desk.tx, light.id)
                assert row is not None  # noqa: S101 - it was read in this transaction
                if row.delivered_on != live.conn_id:
                    row = desk.save(row.handed_out(now_ms, live.conn_id, ledger=ledger))
                found.append(row)
            return found

        rows = await self._book.change(unit)
        if not all(row.parked for row in rows):
            self._tasks.spawn("work that was fetched and not taken", self._not_taken(live))
        return [row.action for row in rows]

    async def _not_taken(self, live: LiveNode) -> None:
        await self._clock.sleep(TAKEN_WITHIN_S)
        await self._book.change(lambda desk: self._decline(desk, live))

    def _decline(self, desk: Desk, live: LiveNode) -> None:
        """What a node fetched and did not take is free to be sent to it; then it says why it does not."""
        for row in store.open_of(desk.tx, live.node_id):
            fetched = row.state == "delivered" and row.delivered_on == live.conn_id and not row.parked
            if fetched and not self._delivery.was_sent(live, row.id):
                desk.save(row.given_back("the node fetched it and did not take it"))

    async def acknowledge(self, live: LiveNode, ids: list[str]) -> Acknowledged:
        """Note that the node has these."""
        now_ms, ledger = self._clock.now_ms(), keeps_ledger(live)

        def unit(desk: Desk) -> Acknowledged:
            known: list[str] = []
            for work_id in dict.fromkeys(ids):
                row = store.find(desk.tx, work_id)
                if row is None or row.node_id != live.node_id or not row.deliveries:
                    continue
                known.append(work_id)
                if row.ended_ms is None and row.state != "acknowledged":
                    desk.save(row.acknowledged(now_ms, live.conn_id, ledger=ledger))
            if ledger:
                self._decline(desk, live)
            return Acknowledged(known, len(_to_fetch(desk, live)))

        return await self._book.change(unit)

    async def result(self, live: LiveNode, call: NodeInvokeResult) -> bool:
        """Take the result of work; false when this node has no such work, or said so before.

        Raises:
            InvalidRequest: its payload is no JSON.
        """
        # Looked up first: results nobody waits for are common, and must not queue with what is written.
        if await self._book.read(lambda tx: store.owner(tx, call.id)) != live.node_id:
            return False
        outcome, now_ms = _outcome(call), self._clock.now_ms()
        failure = outcome.error or NodeFailure()

        def unit(desk: Desk) -> WorkRow | None:
            row = store.find(desk.tx, call.id)
            if row is None or row.node_id != live.node_id or not row.deliveries or not row.takes_report:
                return None
            if row.ended_ms is None and in_background(row.command, failure.code, failure.message):
                return desk.save(_in_background(row))
            if row.ended_ms is None and failure.code == NOT_READY:
                return desk.save(row.given_back("the node is not ready yet; it is asked again"))
            return desk.save(row.reported(outcome, now_ms))

        row = await self._book.change(unit)
        if row is not None and row.state == "queued" and not row.parked:
            self._delivery.again_after(row)
        return row is not None


def _to_fetch(desk: Desk, live: LiveNode) -> list[WorkRow]:
    """What the node finds when it fetches.

    One without a ledger must not find what is also sent to it; and one that has begun with a piece finds no
    later ones, or it would do them beside it.
    """
    rows = [
        row
        for row in store.open_of(desk.tx, live.node_id)
        if row.state != "acknowledged" and row.command in live.effective.commands
    ]
    parked = [row for row in rows if row.parked]
    if not keeps_ledger(live):
        return parked
    free = [row for row in rows if not row.parked and row.kind == "work"]
    begun = [row for row in free if row.delivered_on == live.conn_id]
    return sorted([*parked, *(begun or free)], key=lambda row: row.seq)


def _in_background(row: WorkRow) -> WorkRow:
    """It waits for the app, or, when the router chose this node, for the choice of another."""
    if row.route is None or row.node_id is None:
        return row.given_back(WAITS, parked=True)
    route = msgspec.structs.replace(row.route, tried=(*row.route.tried, row.node_id))
    back = row.given_back("the app is in the background on the chosen node")
    return msgspec.structs.replace(back, node_id=None, route=route)


def _outcome(call: NodeInvokeResult) -> Outcome:
    if not call.ok:
        return Outcome(error=call.error or NodeFailure(code="UNAVAILABLE", message="the node gave no reason"))
    check_payload(call)
    if call.payload_json is not None:
        return Outcome.of(call.payload_json)
    return Outcome.of("null" if call.payload is msgspec.UNSET else bytes(call.payload).decode())
