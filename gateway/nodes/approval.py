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
from protocol.errors import InvalidRequest
from protocol.nouns.node import NodePairRequest, PairedNode
from protocol.scopes import Scope, allows

Withdraw = Callable[[Principal, str], Awaitable[None]]
"""Takes the node role from a device, with its token and its connections."""


class SurfaceApproval:
    """Lists, approves, rejects and removes."""

    def __init__(self, db: Database, registry: NodeRegistry, clock: Clock, withdraw: Withdraw) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock
        self._withdraw = withdraw

    async def overview(self, caller: Principal) -> tuple[list[NodePairRequest], list[PairedNode]]:
        """What waits and what is approved and is the caller's business, newest first."""
        records, waiting = await self._db.read(lambda tx: (store.everyone(tx), store.requests(tx)))
        known = {record.node_id: record for record in records}
        pending = [
            rows.requested(known[request.node_id], request)
            for request in waiting
            if _manages(caller, request.node_id)
        ]
        approved = [record for record in records if record.approved and _manages(caller, record.node_id)]
        return pending, [rows.paired(record) for record in approved]

    async def approve(self, caller: Principal, request_id: str) -> PairedNode:
        """Approve exactly what was shown; it counts at once.

        Raises:
            InvalidRequest: unknown request, or another device's.
            MissingScope: the caller lacks what these commands take.
        """
        request = await self._db.read(lambda tx: _pending(tx, caller, request_id, "approval"))
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

    async def reject(self, caller: Principal, request_id: str) -> str:
        """Turn a surface down; returns the node's id.

        Raises:
            InvalidRequest: unknown request, or another device's.
        """

        def unit(tx: Tx) -> SurfaceRequest:
            request = _pending(tx, caller, request_id, "rejection")
            store.drop_request_of(tx, request.node_id)
            return request

        request = await self._db.write(unit)
        self._registry.decided(request_id, request.node_id, "rejected")
        return request.node_id

    async def remove(self, caller: Principal, node_id: str) -> None:
        """Withdraw a node's approval and let its device be a node no more.

        Raises:
            UnknownNode: there is none.
            MissingScope: the caller is a device, be it this one, and no admin.
        """
        if caller.device_id is not None:
            caller.require(Scope.ADMIN)
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

    async def rename(self, caller: Principal, node_id: str, display_name: str) -> str:
        """Give a node its owner's name for it; returns it as stored.

        Raises:
            InvalidRequest: a blank name, or another device.
            UnknownNode: there is none.
        """
        if not _manages(caller, node_id):
            raise _denied("rename")
        name = display_name.strip()
        if not name:
            raise InvalidRequest("displayName: must not be blank", {"field": "displayName"})
        await self._registry.change(node_id, lambda _, record: msgspec.structs.replace(record, label=name))
        return name


def _manages(caller: Principal, node_id: str) -> bool:
    """Whether a node is the caller's business: its own; any for an admin or a caller without a device.

    As for devices; OpenClaw 2026.9.6 draws the same line.
    """
    return caller.device_id in {None, node_id} or allows(caller.scopes, Scope.ADMIN)


def _pending(tx: Tx, caller: Principal, request_id: str, action: str) -> SurfaceRequest:
    request = store.find_request(tx, request_id)
    if request is None:
        raise _unknown_request()
    if not _manages(caller, request.node_id):
        raise _denied(action)
    return request


def _denied(action: str) -> InvalidRequest:
    return InvalidRequest(f"node pairing {action} denied")


def _unknown_request() -> InvalidRequest:
    return InvalidRequest("unknown requestId", {"field": "requestId"})
