"""Which nodes there are, which are connected, and what each may be asked for."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeVar

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.log import printable
from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened
from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.supervisor import Supervisor
from gateway.nodes import rows, store
from gateway.nodes.model import NOTHING, LiveNode, NodeRecord, SurfaceRequest
from gateway.nodes.policy import CommandPolicy
from protocol.capability import negotiate
from protocol.errors import InvalidRequest
from protocol.events.nodes import NodePairRequested, NodePairResolved
from protocol.ids import new_id
from protocol.nouns.node import NodeRow
from protocol.scopes import Role, Scope, allows

T = TypeVar("T")

REPLACED: Final = 4000
"""Close code for a node's older connection when it comes back on a new one; private use, RFC 6455 7.4.2."""

_SECRETS: Final = frozenset({"token", "password", "none"})
"""Ways to enter that let a device on this machine in without a person."""

Decision = Literal["approved", "rejected", "removed"]

logger = logging.getLogger(__name__)


class UnknownNode(InvalidRequest):
    """No node of that id."""

    def __init__(self) -> None:
        super().__init__("unknown nodeId", {"field": "nodeId"})


class _Judged(msgspec.Struct, frozen=True):
    """What a node's claim leads to."""

    record: NodeRecord
    asks: SurfaceRequest | None = None
    """What people have not heard of yet."""
    waits: bool = False
    """Whether anything waits for them, new or not."""
    withdrawn: SurfaceRequest | None = None
    """What it does not ask for any more."""


class NodeRegistry:
    """Follows connections of nodes; keeps what is known of each in `state.db`."""

    def __init__(
        self, db: Database, policy: CommandPolicy, hub: Hub, clock: Clock, tasks: Supervisor
    ) -> None:
        self._db = db
        self._policy = policy
        self._hub = hub
        self._clock = clock
        self._tasks = tasks
        self._live: dict[str, LiveNode] = {}
        self._left: list[Callable[[LiveNode, str], None]] = []
        self._reduced: list[Callable[[LiveNode], None]] = []
        self._arrived: list[Callable[[LiveNode], None]] = []
        self._changed: list[Callable[[LiveNode], None]] = []
        self._withdrawn: list[Callable[[str], None]] = []

    # Following connections

    def on_opened(self, fact: ConnectionOpened) -> None:
        """A node connected: its older connection, if any, is over."""
        if fact.principal.role is not Role.NODE or fact.principal.device_id is None:
            return
        live = LiveNode(fact.principal, fact.claims, self._clock.now_ms())
        older = self._live.get(live.node_id)
        self._live[live.node_id] = live
        if older is not None:
            self._gone(older, "DISCONNECTED")
            self._hub.close_where(
                lambda one: one.conn_id == older.conn_id, REPLACED, "replaced by a newer one"
            )
        self._tasks.spawn("node arrives", self._arrive(live))

    def on_closed(self, fact: ConnectionClosed) -> None:
        """A connection ended; an older one that was replaced is not the node's any more."""
        live = self._live.get(fact.principal.device_id or "")
        if live is None or live.conn_id != fact.principal.conn_id:
            return
        del self._live[live.node_id]
        self._gone(live, "DISCONNECTED")
        self._tasks.spawn("node leaves", self._leave(live))

    def when_arrived(self, callback: Callable[[LiveNode], None]) -> None:
        """Call `callback` for each node that is connected and knows what it may do."""
        self._arrived.append(callback)

    def when_left(self, callback: Callable[[LiveNode, str], None]) -> None:
        """Call `callback` with each connection of a node that ended, and why (`details.code`)."""
        self._left.append(callback)

    def when_reduced(self, callback: Callable[[LiveNode], None]) -> None:
        """Call `callback` with each connected node that may do less than before."""
        self._reduced.append(callback)

    def when_changed(self, callback: Callable[[LiveNode], None]) -> None:
        """Call `callback` with each connected node that may do other things than before."""
        self._changed.append(callback)

    def when_withdrawn(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the id of each node that lost its approval, connected or not."""
        self._withdrawn.append(callback)

    def _gone(self, live: LiveNode, code: str) -> None:
        live.effective = NOTHING
        for callback in self._left:
            callback(live, code)

    async def _arrive(self, live: LiveNode) -> None:
        now_ms = live.connected_ms

        def unit(tx: Tx) -> _Judged:
            record = _arrived(store.find(tx, live.node_id), live, now_ms)
            if record.approved is None and live.principal.auth_method == "bootstrap-token":
                # An admin minted the code for this one device. Source: docs/nodes/pairing-and-status.md.
                offered = self._policy.offered(live.facts, live.claimed)
                record = msgspec.structs.replace(record, approved=offered, approved_ms=now_ms)
            store.save(tx, record)
            return self._judge(tx, record, live, now_ms)

        try:
            judged = await self._db.write(unit)
        except BaseException as error:
            live.settled.set_exception(error)
            live.settled.exception()  # nobody may be waiting
            raise
        live.waits = judged.waits
        self._settle(live, judged.record)
        live.settled.set_result(None)
        self._announce(judged)
        if self._live.get(live.node_id) is live:
            for callback in self._arrived:
                callback(live)

    async def _leave(self, live: LiveNode) -> None:
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> None:
            record = store.find(tx, live.node_id)
            if record is not None:
                stats = live.host_stats or record.host_stats
                store.save(tx, msgspec.structs.replace(record, disconnected_ms=now_ms, host_stats=stats))

        await self._db.write(unit)

    def _judge(self, tx: Tx, record: NodeRecord, live: LiveNode, now_ms: int) -> _Judged:
        """Store the request that a node's claim leads to."""
        offered = self._policy.offered(live.facts, live.claimed)
        approved = record.approved
        known = store.request_of(tx, record.node_id)
        if approved is not None and offered.within(approved):
            store.drop_request_of(tx, record.node_id)
            return _Judged(record, withdrawn=known)
        if known is not None and known.surface == offered:
            return _Judged(record, waits=True)
        request = SurfaceRequest(
            request_id=new_id(),
            node_id=record.node_id,
            surface=offered,
            silent=live.facts.remote_ip is None and live.principal.auth_method in _SECRETS,
            asked_ms=now_ms,
        )
        store.save_request(tx, request)
        return _Judged(record, asks=request, waits=True, withdrawn=known)

    def _settle(self, live: LiveNode, record: NodeRecord) -> None:
        if self._live.get(live.node_id) is not live:
            return  # gone meanwhile: it may do nothing any more
        before, live.approved = live.effective, record.approved is not None
        allowed = self._policy.allowed(live.facts, live.claimed)
        live.effective = negotiate(live.claimed, record.approved or NOTHING, allowed.__contains__)
        live.host_stats = live.host_stats or record.host_stats
        if not before.within(live.effective):
            for callback in self._reduced:
                callback(live)
        if live.settled.done() and before != live.effective:
            for callback in self._changed:
                callback(live)

    def _announce(self, judged: _Judged) -> None:
        record, request = judged.record, judged.asks
        if judged.withdrawn is not None:
            self.decided(judged.withdrawn.request_id, record.node_id, "rejected", tell_node=False)
        if request is None:
            return
        logger.info("node %s asks to be approved (%s)", printable(record.name), request.request_id)
        noun = rows.requested(record, request)
        self._hub.publish(msgspec.convert(msgspec.to_builtins(noun), NodePairRequested))

    # Looking

    def live(self, node_id: str) -> LiveNode | None:
        """The connected node of that id."""
        return self._live.get(node_id)

    def connected(self) -> tuple[LiveNode, ...]:
        """Every connected node."""
        return tuple(self._live.values())

    async def of(self, principal: Principal) -> LiveNode:
        """The calling node, once it knows what it may do.

        Raises:
            InvalidRequest: when another connection took its place.
        """
        live = self._live.get(principal.device_id or "")
        if live is None or live.conn_id != principal.conn_id:
            raise InvalidRequest("this node has connected anew; use that connection")
        await asyncio.shield(live.settled)
        return live

    async def record(self, node_id: str) -> NodeRecord:
        """What is stored of a node.

        Raises:
            UnknownNode: there is none.
        """
        record = await self._db.read(lambda tx: store.find(tx, node_id))
        if record is None:
            raise UnknownNode
        return record

    async def records(self) -> list[NodeRecord]:
        """What is stored of every node; those that just arrived know what they may do."""
        await _settled(self._live.values())
        return await self._db.read(store.everyone)

    async def rows(self, viewer: Principal | None) -> list[NodeRow]:
        """Every node, connected ones first, then by name; what waits is told to who may approve it."""
        await _settled(self._live.values())
        records, waiting = await self._db.read(lambda tx: (store.everyone(tx), store.requests(tx)))
        requests = {request.node_id: request for request in waiting}
        found = [self._row(record, requests.get(record.node_id), viewer) for record in records]
        return sorted(found, key=_order)

    async def row(self, node_id: str, viewer: Principal | None) -> NodeRow:
        """One node.

        Raises:
            UnknownNode: there is none.
        """
        await _settled([live for live in [self._live.get(node_id)] if live is not None])
        record, request = await self._db.read(
            lambda tx: (store.find(tx, node_id), store.request_of(tx, node_id))
        )
        if record is None:
            raise UnknownNode
        return self._row(record, request, viewer)

    def _row(self, record: NodeRecord, request: SurfaceRequest | None, viewer: Principal | None) -> NodeRow:
        approves = viewer is not None and allows(viewer.scopes, Scope.PAIRING)
        live = self._live.get(record.node_id)
        return rows.row(
            record, live, request, approves=approves, active=live is not None and live is self.active
        )

    @property
    def active(self) -> LiveNode | None:
        """The connected node whose person was active last."""
        candidates = [live for live in self._live.values() if live.active_ms is not None]
        return max(candidates, key=lambda live: live.active_ms or 0, default=None)

    # Changing

    async def change(self, node_id: str, change: Callable[[Tx, NodeRecord], NodeRecord]) -> NodeRecord:
        """Store a changed node and let it count at once.

        Raises:
            UnknownNode: there is none.
        """

        def unit(tx: Tx) -> NodeRecord:
            record = store.find(tx, node_id)
            if record is None:
                raise UnknownNode
            changed = change(tx, record)
            store.save(tx, changed)
            return changed

        record = await self._db.write(unit)
        live = self._live.get(node_id)
        if live is not None:
            self._settle(live, record)
        return record

    def withdrawn(self, node_id: str) -> None:
        """A node lost everything: what it was asked is over, whatever it still sends."""
        live = self._live.pop(node_id, None)
        if live is not None:
            self._gone(live, "PAIRING_CHANGED")
        for callback in self._withdrawn:
            callback(node_id)

    def decided(self, request_id: str, node_id: str, decision: Decision, *, tell_node: bool = True) -> None:
        """Tell operators, and the node itself."""
        told = node_id if tell_node else None
        live = self._live.get(node_id)
        if live is not None and tell_node:
            live.waits = False
        event = NodePairResolved(
            request_id=request_id, node_id=node_id, decision=decision, ts=self._clock.now_ms()
        )
        self._hub.publish(event, to=lambda one: one.role is Role.OPERATOR or one.device_id == told)

    async def policy_changed(self) -> None:
        """Let an edited policy count for every connected node, also for what it waits for."""
        for live in self.connected():
            await self._judge_anew(live)

    async def _judge_anew(self, live: LiveNode) -> None:
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> _Judged | None:
            record = store.find(tx, live.node_id)
            return None if record is None else self._judge(tx, record, live, now_ms)

        judged = await self._db.write(unit)
        if judged is not None:
            live.waits = judged.waits
            self._settle(live, judged.record)
            self._announce(judged)


async def _settled(nodes: Iterable[LiveNode]) -> None:
    """Wait for nodes that have just come: a moment later it is known what they may do."""
    arriving = [live.settled for live in nodes if not live.settled.done()]
    if arriving:
        await asyncio.wait(arriving)


def _order(row: NodeRow) -> tuple[bool, str, str]:
    return not row.connected, (row.display_name or "").casefold(), row.node_id


def _arrived(known: NodeRecord | None, live: LiveNode, now_ms: int) -> NodeRecord:
    record = known or NodeRecord(node_id=live.node_id, facts=live.facts, created_ms=now_ms)
    return msgspec.structs.replace(
        record, facts=live.facts, connected_ms=now_ms, seen_ms=now_ms, seen_reason="connect"
    )
