"""Brings work to nodes: in order, one piece after the other, each written down before it leaves.

A node with a ledger may be given the same piece again, after any crash on either side, and answers instead of
doing it twice. For any other node, a piece that was sent and not answered is never sent again.
"""

import asyncio
import logging
from typing import Final

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.supervisor import Supervisor
from gateway.nodes import work_store as store
from gateway.nodes.invoke import CANCEL_CLIENTS
from gateway.nodes.model import LiveNode
from gateway.nodes.policy import platform_of
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.runs import AuthorisedRuns
from gateway.nodes.work_book import Desk, WorkBook
from gateway.nodes.work_model import WorkRow
from protocol.capability import WORK_LEDGER
from protocol.events.nodes import NodeInvokeCancel, NodeInvokeRequest

MAX_PIECE_MS: Final = 600_000
"""What one piece may take before the next has its turn; our own nodes give work that long, too."""

GRACE_S: Final = 5.0
"""For the answer of a node that stops by itself when its time is over."""

LONGEST_PAUSE_S: Final = 30.0
"""Before a node that says it is not ready is asked again."""

logger = logging.getLogger(__name__)


def keeps_ledger(live: LiveNode) -> bool:
    """Whether work may be delivered to it more than once. A node that lies about it only harms itself."""
    return WORK_LEDGER in live.claimed.caps


def pulls(live: LiveNode) -> bool:
    """Whether it fetches by itself what waits for its foreground. Source: OpenClaw does this for iOS only."""
    return keeps_ledger(live) or platform_of(live.facts) == "ios"


class _Line:
    """One connection of a node with work."""

    def __init__(self, live: LiveNode) -> None:
        self.live = live
        self.sent: set[str] = set()
        self.running = False
        self.again = False
        self.turn: asyncio.Event | None = None
        """Set when the piece that is out ended or came back, or the connection is gone."""


class Delivery:
    """One task per node that has work and is connected; none for the others."""

    def __init__(
        self,
        book: WorkBook,
        registry: NodeRegistry,
        *,
        runs: AuthorisedRuns,
        hub: Hub,
        clock: Clock,
        tasks: Supervisor,
    ) -> None:
        self._book = book
        self._registry = registry
        self._runs = runs
        self._hub = hub
        self._clock = clock
        self._tasks = tasks
        self._lines: dict[str, _Line] = {}
        self._out: dict[str, _Line] = {}
        book.watch(self._on_change)
        registry.when_arrived(self._on_arrived)
        registry.when_changed(lambda live: self.kick(live.node_id))
        registry.when_left(self._on_left)
        registry.when_withdrawn(self._on_withdrawn)

    def kick(self, node_id: str) -> None:
        """Look for work of a node, if it is there."""
        live = self._registry.live(node_id)
        if live is None or not live.settled.done() or node_id not in self._book.busy:
            return
        line = self._lines.setdefault(live.conn_id, _Line(live))
        line.again = True
        if not line.running:
            line.running = True
            self._tasks.keep("deliver work", lambda: self._serve(line))

    def was_sent(self, live: LiveNode, work_id: str) -> bool:
        """Whether a piece was sent on this connection, and not only fetched."""
        line = self._lines.get(live.conn_id)
        return line is not None and work_id in line.sent

    def again_after(self, row: WorkRow) -> None:
        """Send a piece once more after a pause: its node was not ready."""
        pause_s = min(LONGEST_PAUSE_S, 0.25 * 2 ** min(row.deliveries, 10))

        async def later() -> None:
            await self._clock.sleep(pause_s)
            live = self._registry.live(row.node_id or "")
            line = self._lines.get(live.conn_id) if live is not None else None
            if line is not None:
                line.sent.discard(row.id)
                self.kick(line.live.node_id)

        self._tasks.spawn("deliver work later", later())

    # What happens

    def _on_change(self, row: WorkRow) -> None:
        if not row.under_way and (line := self._out.get(row.id)) is not None and line.turn is not None:
            line.turn.set()
        if row.state in {"expired", "cancelled"} and row.delivered_on is not None:
            self._call_off(row)
        if row.node_id is not None and not row.under_way:
            self.kick(row.node_id)

    def _on_arrived(self, live: LiveNode) -> None:
        if live.node_id in self._book.busy:
            self._tasks.keep("work of a node that arrived", lambda: self._arrive(live))

    def _on_left(self, live: LiveNode, code: str) -> None:
        line = self._lines.pop(live.conn_id, None)
        if line is not None and line.turn is not None:
            line.turn.set()
        if code == "DISCONNECTED" and live.node_id in self._book.busy:
            why = "the connection ended before the node answered"
            self._tasks.keep("work of a node that left", lambda: self._lose(live, why, here=True))

    def _on_withdrawn(self, node_id: str) -> None:
        if node_id in self._book.busy:
            self._tasks.keep("work of a removed node", lambda: self._removed(node_id))

    async def _arrive(self, live: LiveNode) -> None:
        if not keeps_ledger(live):
            await self._lose(live, "the node came back without having answered", here=False)
        self.kick(live.node_id)

    async def _lose(self, live: LiveNode, why: str, *, here: bool) -> None:
        """Give up what a node without a ledger had, on this connection or on any other."""
        now_ms = self._clock.now_ms()
        ledger = keeps_ledger(live)

        def unit(desk: Desk) -> None:
            for row in store.open_of(desk.tx, live.node_id):
                if row.kind == "work" and row.under_way and (row.delivered_on == live.conn_id) == here:
                    if not ledger:
                        desk.save(row.lost(now_ms, why))
                elif here and row.free:
                    desk.save(row.assigned(None, "the chosen node left before it was asked"))

        await self._book.change(unit)

    async def _removed(self, node_id: str) -> None:
        now_ms = self._clock.now_ms()

        def unit(desk: Desk) -> None:
            for row in store.open_of(desk.tx, node_id):
                if row.free:
                    desk.save(row.assigned(None, "the chosen node was removed"))
                else:
                    desk.save(row.orphaned(now_ms))

        await self._book.change(unit)

    # Delivering

    async def _serve(self, line: _Line) -> None:
        try:
            while line.again:
                line.again = False
                while (row := await self._take(line)) is not None:
                    await self._deliver(line, row)
        except BaseException:
            line.again = True  # the supervisor begins anew
            raise
        line.running = False

    async def _take(self, line: _Line) -> WorkRow | None:
        """The next piece, written down as delivered."""
        live, now_ms = line.live, self._clock.now_ms()
        ledger = keeps_ledger(live)
        if not self._is_current(line):
            return None

        def unit(desk: Desk) -> tuple[WorkRow | None, bool]:
            rows = store.open_of(desk.tx, live.node_id)
            chosen = _next(rows, line)
            if chosen is None:
                return None, bool(rows)
            whole = store.find(desk.tx, chosen.id)
            assert whole is not None  # noqa: S101 - it was read in this transaction
            return desk.save(whole.handed_out(now_ms, live.conn_id, ledger=ledger)), True

        row, has_more = await self._book.change(unit)
        if not has_more:
            self._book.busy.discard(live.node_id)
        return row

    async def _deliver(self, line: _Line, row: WorkRow) -> None:
        line.sent.add(row.id)
        if not self._is_current(line) or not self._send(line.live, row):
            await self._not_sent(line, row)
            return
        line.turn = turn = asyncio.Event()
        self._out[row.id] = line
        left_ms = min(MAX_PIECE_MS, row.expires_ms - self._clock.now_ms())
        try:
            async with asyncio.timeout(left_ms / 1000 + GRACE_S):
                await turn.wait()
        except TimeoutError:
            logger.info("%s did not answer in time to work %s", line.live.node_id, row.id)
            await self._silent(row)
        finally:
            line.turn = None
            del self._out[row.id]

    def _send(self, live: LiveNode, row: WorkRow) -> bool:
        if row.command == "system.run":
            self._runs.issue(live.node_id, None, run_id=row.id)
        request = NodeInvokeRequest(
            id=row.id,
            node_id=live.node_id,
            command=row.command,
            params_json=row.params_json,
            timeout_ms=max(1, min(MAX_PIECE_MS, row.expires_ms - self._clock.now_ms())),
            idempotency_key=row.id,
        )
        return self._hub.send(live.conn_id, request)

    async def _not_sent(self, line: _Line, row: WorkRow) -> None:
        """The connection ended in the moment between writing down and sending."""
        if row.ledger and row.deliveries > 1:
            return  # it may have it from before

        def unit(desk: Desk) -> None:
            now = store.find(desk.tx, row.id)
            if now is not None and now.under_way and now.delivered_on == line.live.conn_id:
                desk.save(now.given_back("the node left before it was asked"))

        await self._book.change(unit)

    async def _silent(self, row: WorkRow) -> None:
        """A node that answers nothing: with a ledger it may still answer, else nobody will know."""
        now_ms = self._clock.now_ms()

        def unit(desk: Desk) -> None:
            now = store.find(desk.tx, row.id)
            if now is not None and now.under_way and not now.ledger:
                desk.save(now.lost(now_ms, "the node did not answer in time"))

        await self._book.change(unit)

    def _is_current(self, line: _Line) -> bool:
        return self._registry.live(line.live.node_id) is line.live

    def _call_off(self, row: WorkRow) -> None:
        live = self._registry.live(row.node_id or "")
        if live is None or live.conn_id != row.delivered_on:
            return
        if keeps_ledger(live) or live.facts.client_id in CANCEL_CLIENTS:
            self._hub.send(live.conn_id, NodeInvokeCancel(invoke_id=row.id, node_id=live.node_id))


def _next(rows: list[WorkRow], line: _Line) -> WorkRow | None:
    """The piece to send now. Rows are in order of submission, and none overtakes one that is under way."""
    live = line.live
    ledger = keeps_ledger(live)
    for row in rows:
        if row.kind != "work" or row.command not in live.effective.commands:
            continue
        if row.parked:
            # Nodes that fetch what waits for their foreground do so; others are asked again when they come.
            if not pulls(live) and row.id not in line.sent:
                return row
        elif row.id in line.sent:
            if not row.under_way:  # it is not ready yet; what is under way still took too long
                return None
        elif ledger and row.under_way and row.delivered_on == live.conn_id:
            return None  # it fetched its list and is at it
        elif ledger or not row.under_way:
            return row
    return None
