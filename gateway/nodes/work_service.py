"""Work that operators and agents submit for nodes."""

from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from gateway.nodes import work_store as store
from gateway.nodes.candidates import NodeChooser
from gateway.nodes.foreground import digest
from gateway.nodes.invoke import Invocations
from gateway.nodes.operator import SYSTEM_RUN, check_command, with_run_id
from gateway.nodes.work_book import Desk, WorkBook
from gateway.nodes.work_model import Route, WorkRow
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.ids import new_id
from protocol.methods.node_work import NodeWorkList, NodeWorkPage, NodeWorkSubmit

MAX_PARAMS_BYTES: Final = 64 * 1024
"""Work is for what waits, not for transfers: 256 pieces of this size are 16 MB."""


class NoNode(InvalidRequest):
    """No node can do it, and none that is paired ever could."""

    detail_code = "NO_NODE"


class NodeWorks:
    """Submits, shows and cancels."""

    def __init__(self, book: WorkBook, invocations: Invocations, chooser: NodeChooser, clock: Clock) -> None:
        self._book = book
        self._invocations = invocations
        self._chooser = chooser
        self._clock = clock

    async def submit(self, caller: Principal, call: NodeWorkSubmit) -> WorkRow:
        """Write work down; it is on its way when this returns, or waits with a reason.

        Raises:
            InvalidRequest: the node may not be asked for it, or its parameters are too large.
            MissingScope: the command takes an admin.
            NoNode: it names no node and none could ever do it.
            Conflict: the key stands for other work.
            TooMuchWaits: for that node.
        """
        check_command(caller, call.command)
        params = _params(call)
        asked = digest(call.node_id, call.command, params, call.prefer, call.fallback)

        def earlier(row: WorkRow | None) -> WorkRow | None:
            if row is not None and row.asked != asked:
                raise Conflict("idempotencyKey: stands for other work", {"field": "idempotencyKey"})
            return row

        key = (caller.actor, "work", call.idempotency_key)
        known = earlier(await self._book.read(lambda tx: store.by_key(tx, *key)))
        if known is not None:
            return known
        row = await self._planned(caller, call, params, asked)
        return await self._book.change(lambda desk: earlier(store.by_key(desk.tx, *key)) or desk.add(row))

    async def _planned(
        self, caller: Principal, call: NodeWorkSubmit, params: str | None, asked: bytes
    ) -> WorkRow:
        node_id, route, reason = call.node_id, None, None
        if node_id is None:
            route = Route(call.prefer, call.fallback)
            choice = await self._chooser.for_command(call.command, prefer=call.prefer, fallback=call.fallback)
            if choice.able == "never":
                raise NoNode(choice.reason, {"command": call.command})
            node_id, reason = choice.node_id, None if choice.able == "now" else choice.reason
        else:
            _no_route(call)
            name = await self._invocations.check(node_id, call.command)
            reason = f"waits for {name} to connect" if name is not None else None
        work_id, now_ms = new_id(), self._clock.now_ms()
        if call.command == SYSTEM_RUN:
            params = with_run_id(None if params is None else params.encode(), work_id).decode()
        return WorkRow(
            id=work_id,
            kind="work",
            node_id=node_id,
            route=route,
            actor=caller.actor,
            key=call.idempotency_key,
            asked=asked,
            command=call.command,
            params_json=params,
            created_ms=now_ms,
            expires_ms=now_ms + call.expires_in_ms,
            reason=reason,
        )

    async def get(self, work_id: str) -> WorkRow:
        """One piece.

        Raises:
            NotFound: there is none.
        """
        return await self._book.find(work_id)

    async def page(self, call: NodeWorkList) -> NodeWorkPage:
        """Work newest first.

        Raises:
            InvalidRequest: the cursor is not one of this list.
        """
        before = None if call.cursor is None else decode_cursor(call.cursor, tuple[int])[0]
        rows = await self._book.read(
            lambda tx: store.page(
                tx, node_id=call.node_id, state=call.state, before_seq=before, limit=call.limit + 1
            )
        )
        shown = rows[: call.limit]
        more = encode_cursor((shown[-1].seq,)) if len(rows) > call.limit else None
        return NodeWorkPage(items=[row.noun(whole=False) for row in shown], next_cursor=more)

    async def cancel(self, work_id: str) -> WorkRow:
        """Take work back.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        now_ms = self._clock.now_ms()

        def unit(desk: Desk) -> WorkRow:
            row = store.find(desk.tx, work_id)
            if row is None:
                raise NotFound(f"id: no work {work_id}", {"field": "id"})
            if row.ended_ms is not None:
                raise Conflict(f"id: this work is {row.state} already", {"field": "id"})
            had_it = "; the node has it and may still do it" if row.under_way else ""
            return desk.save(row.ended("cancelled", now_ms, f"taken back{had_it}"))

        return await self._book.change(unit)


def _params(call: NodeWorkSubmit) -> str | None:
    if call.params is msgspec.UNSET:
        return None
    raw = bytes(call.params)
    if len(raw) > MAX_PARAMS_BYTES:
        raise InvalidRequest(f"params: more than {MAX_PARAMS_BYTES} bytes", {"field": "params"})
    return raw.decode()


def _no_route(call: NodeWorkSubmit) -> None:
    for name, given in (("prefer", call.prefer), ("fallback", call.fallback)):
        if given:
            raise InvalidRequest(f"{name}: only without nodeId, when the router chooses", {"field": name})
