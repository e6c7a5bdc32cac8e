"""The second gate: what a paired node may be asked for, decided by a person."""

from collections.abc import Awaitable, Callable

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database, Tx
from gateway.nodes import rows, store
from gateway.nodes.model import NodeRecord, SurfaceRequest
from gateway.nodes.policy import scopes_to_approve
from gateway.nodes.registry import NodeRegistry, UnknownNode
from protocol.capability import Surface
from protocol.errors import InvalidRequest
from protocol.nouns.node import NodePairRequest, PairedNode
from protocol.scopes import Scope

Withdraw = Callable[[Principal, str], Awaitable[None]]
"""Takes the node role from a device, with its token and its connections."""


class SurfaceApproval:
    """Lists, approves, rejects and removes."""

    def __init__(self, db: Database, registry: NodeRegistry, clock: Clock, withdraw: Withdraw) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock
        self._withdraw = withdraw

    async def overview(self) -> tuple[list[NodePairRequest], list[PairedNode]]:
        """What waits and what is approved, newest first."""
        records, waiting = await self._db.read(lambda tx: (store.everyone(tx), store.requests(tx)))
        known = {record.node_id: record for record in records}
        pending = [rows.requested(known[request.node_id], request) for request in waiting]
        return pending, [rows.paired(record) for record in records if record.approved is not None]

    async def approve(self, caller: Principal, request_id: str) -> PairedNode:
        """Approve exactly what was shown; it counts at once.

        Raises:
            InvalidRequest: unknown request.
            MissingScope: the caller lacks what these commands take.
        """
        request = await self._request(request_id)
        for scope in scopes_to_approve(request.surface.commands):
            caller.require(scope)
        now_ms = self._clock.now_ms()

        def approved(tx: Tx, record: NodeRecord) -> NodeRecord:
            # Looked up again inside the unit: a node that asks for more meanwhile must not get that too.
            if store.find_request(tx, request_id) != request:
                raise _unknown_request()
            store.drop_request_of(tx, record.node_id)
            return msgspec.structs.replace(record, approved=request.surface, approved_ms=now_ms)

        record = await self._registry.change(request.node_id, approved)
        self._registry.decided(request_id, request.node_id, "approved")
        return rows.paired(record)

    async def reject(self, request_id: str) -> str:
        """Turn a surface down; returns the node's id.

        Raises:
            InvalidRequest: unknown request.
        """

        def unit(tx: Tx) -> SurfaceRequest:
            request = store.find_request(tx, request_id)
            if request is None:
                raise _unknown_request()
            store.drop_request_of(tx, request.node_id)
            return request

        request = await self._db.write(unit)
        self._registry.decided(request_id, request.node_id, "rejected")
        return request.node_id

    async def remove(self, caller: Principal, node_id: str) -> None:
        """Withdraw a node's approval and let its device be a node no more.

        Raises:
            UnknownNode: there is none.
            MissingScope: the node has administrative commands, or the caller's own device is this node, and
                the caller is no admin.
        """
        record = await self._registry.record(node_id)
        for scope in scopes_to_approve((record.approved or Surface()).commands):
            caller.require(scope)
        if caller.device_id == node_id:
            caller.require(Scope.ADMIN)  # `withdraw` insists on it, when half of this would be done
        if not await self._db.write(lambda tx: store.remove(tx, node_id)):
            raise UnknownNode
        self._registry.withdrawn(node_id)
        self._registry.decided("", node_id, "removed")
        await self._withdraw(caller, node_id)

    async def forget(self, node_id: str) -> None:
        """The node's device was removed or lost its role by another way: its approval goes with it."""
        await self._db.write(lambda tx: store.remove(tx, node_id))
        self._registry.withdrawn(node_id)
        self._registry.decided("", node_id, "removed")

    async def rename(self, node_id: str, display_name: str) -> str:
        """Give a node its owner's name for it; returns it as stored.

        Raises:
            InvalidRequest: a blank name.
            UnknownNode: there is none.
        """
        name = display_name.strip()
        if not name:
            raise InvalidRequest("displayName: must not be blank", {"field": "displayName"})
        await self._registry.change(node_id, lambda _, record: msgspec.structs.replace(record, label=name))
        return name

    async def _request(self, request_id: str) -> SurfaceRequest:
        request = await self._db.read(lambda tx: store.find_request(tx, request_id))
        if request is None:
            raise _unknown_request()
        return request


def _unknown_request() -> InvalidRequest:
    return InvalidRequest("unknown requestId", {"field": "requestId"})
