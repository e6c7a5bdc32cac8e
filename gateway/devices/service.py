"""Managing paired devices: approve, reject, remove, rename, rotate, revoke."""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from gateway.devices import store
from gateway.devices.authority import denied, manages, may_approve, may_touch_token
from gateway.devices.epoch import AuthEpoch
from gateway.devices.grants import merged
from gateway.devices.mint import TokenMint
from gateway.devices.model import Pending, Token
from gateway.devices.notices import Notices
from gateway.devices.registry import PENDING_MS, RegistryWork
from gateway.devices.store import Record
from gateway.devices.tombstones import Tombstones
from gateway.kernel.bus import Bus
from gateway.kernel.clock import Clock
from gateway.kernel.net.facts import NodeRoleEnded
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.supervisor import Supervisor
from protocol.errors import InvalidRequest
from protocol.nouns.device import PairedDevice, PairRequest
from protocol.scopes import Role, Scope, covers, parse_scopes

T = TypeVar("T")

ANSWER_FIRST_S: Final = 0.2
"""A caller that ended its own token gets the answer before its connection closes."""


class Devices:
    """The registry, for people who manage it. Every change closes the connections that stood on it."""

    def __init__(
        self,
        *,
        db: Database,
        mint: TokenMint,
        epoch: AuthEpoch,
        tombstones: Tombstones,
        notices: Notices,
        bus: Bus,
        clock: Clock,
        tasks: Supervisor,
    ) -> None:
        self._db = db
        self._mint = mint
        self._epoch = epoch
        self._tombstones = tombstones
        self._notices = notices
        self._bus = bus
        self._clock = clock
        self._tasks = tasks

    async def start(self) -> None:
        """Revoke once more what was ever revoked, whatever database was put in place since."""
        dead = await self._tombstones.load()
        now_ms = self._clock.now_ms()
        if dead:
            await self._db.write(lambda tx: store.revoke_token_ids(tx, dead, now_ms))

    async def overview(self, caller: Principal) -> tuple[list[PairRequest], list[PairedDevice]]:
        """Waiting and paired devices the caller may see, newest first."""
        since_ms = self._clock.now_ms() - PENDING_MS
        waiting, records = await self._db.read(lambda tx: (store.pending(tx, since_ms), store.everyone(tx)))
        connected = self._notices.connected_devices()
        roles = {record.device.device_id: record.device.roles for record in records}
        requests = [
            request.noun(roles.get(request.ask.device_id, ()))
            for request in waiting
            if manages(caller, request.ask.device_id)
        ]
        devices = [
            _noun(record, connected=record.device.device_id in connected)
            for record in records
            if manages(caller, record.device.device_id)
        ]
        return requests, devices

    async def known(self) -> list[PairedDevice]:
        """Every paired device, newest first, for the gateway's own use such as an agent's tools."""
        records = await self._db.read(store.everyone)
        connected = self._notices.connected_devices()
        return [_noun(record, connected=record.device.device_id in connected) for record in records]

    async def approve(self, caller: Principal, request_id: str) -> PairedDevice:
        """Let a waiting device in.

        Raises:
            InvalidRequest: unknown request, or the caller lacks what the device asks for.
        """

        def unit(work: RegistryWork) -> tuple[Pending, Record]:
            request = self._pending(work.tx, request_id)
            if not may_approve(caller, request.ask):
                raise denied("device pairing approval")
            record = work.approve(request.ask, "owner")
            store.drop_pending(work.tx, request_id)
            return request, record

        request, record = await self._write(unit)
        self._notices.resolved(request, "approved")
        return _noun(record)

    async def reject(self, caller: Principal, request_id: str) -> str:
        """Turn a waiting device away; returns its id.

        Raises:
            InvalidRequest: unknown request, or another device's and the caller is no admin.
        """

        def unit(work: RegistryWork) -> Pending:
            request = self._pending(work.tx, request_id)
            if not manages(caller, request.ask.device_id):
                raise denied("device pairing rejection")
            store.drop_pending(work.tx, request_id)
            return request

        request = await self._write(unit)
        self._notices.resolved(request, "rejected")
        return request.ask.device_id

    async def remove(self, caller: Principal, device_id: str) -> None:
        """Forget a device, end its tokens and close its connections.

        Raises:
            InvalidRequest: unknown device, or another one and the caller is no admin.
        """

        def unit(work: RegistryWork) -> Record:
            record = self._managed(work.tx, caller, device_id, "device pairing removal")
            store.remove(work.tx, device_id)
            return record

        record = await self._write(unit)
        self._withdraw(caller, device_id, None)
        await self._tombstones.add(token.token_id for token in record.tokens.values())
        self._notices.changed()
        if Role.NODE in record.device.roles:
            self._bus.publish(NodeRoleEnded(device_id))

    async def end_node_role(self, caller: Principal, device_id: str) -> None:
        """Take the role of a node from a device; one that was only a node is forgotten.

        Raises:
            MissingScope: the caller ends its own role beside another one, and is no admin.
        """

        def unit(work: RegistryWork) -> Token | None:
            record = store.find(work.tx, device_id)
            if record is None or Role.NODE not in record.device.roles:
                return None
            left = tuple(role for role in record.device.roles if role is not Role.NODE)
            if not left:
                store.remove(work.tx, device_id)
                return record.tokens.get(Role.NODE)
            if caller.device_id == device_id:
                caller.require(Scope.ADMIN)
            store.save(work.tx, msgspec.structs.replace(record.device, role=left[-1], roles=left))
            token = record.tokens.get(Role.NODE)
            if token is not None and token.revoked_ms is None:
                store.save_token(work.tx, msgspec.structs.replace(token, revoked_ms=work.now_ms))
            return token

        token = await self._write(unit)
        self._withdraw(caller, device_id, Role.NODE)
        await self._tombstones.add([token.token_id] if token is not None else [])
        self._notices.changed()

    async def rename(self, caller: Principal, device_id: str, label: str) -> str:
        """Give a device its owner's name for it; returns the label as stored.

        Raises:
            InvalidRequest: blank label, unknown device, or another one and the caller is no admin.
        """
        label = label.strip()
        if not label:
            raise InvalidRequest("label required", {"field": "/label"})

        def unit(work: RegistryWork) -> None:
            record = self._managed(work.tx, caller, device_id, "device pairing rename")
            store.save(work.tx, msgspec.structs.replace(record.device, operator_label=label))

        await self._write(unit)
        self._notices.changed()
        return label

    async def rotate(
        self, caller: Principal, device_id: str, role_name: str, scope_names: tuple[str, ...] | None
    ) -> tuple[Token, str | None]:
        """Replace a device's token; returns the new one, with its text when the caller replaced its own.

        Raises:
            InvalidRequest: unknown device or role, scopes beyond the device's approval, or the caller lacks
            them.
        """
        refusal = denied("device token rotation")

        def unit(work: RegistryWork) -> tuple[Token | None, Token]:
            record, role = self._with_role(work.tx, device_id, role_name, refusal)
            old = record.tokens.get(role)
            scopes = _rotated_scopes(record, role, old, scope_names)
            if scopes is None:
                raise refusal
            if not may_touch_token(caller, device_id, role, scopes, old.scopes if old is not None else ()):
                raise refusal
            return old, work.issue(record, role, scopes)

        old, token = await self._write(unit)
        self._withdraw(caller, device_id, token.role)
        await self._tombstones.add([old.token_id] if old is not None else [])
        self._notices.changed()
        own = caller.device_id == device_id and caller.auth_method == "device-token"
        text = self._mint.device_token(token.token_id, device_id, token.role)
        return token, text if own and caller.role is token.role else None

    async def revoke(self, caller: Principal, device_id: str, role_name: str) -> tuple[Role, int]:
        """End a device's token; returns its role and when it ended.

        Raises:
            InvalidRequest: unknown device or role, or the caller holds less than the token.
        """
        refusal = denied("device token revocation")

        def unit(work: RegistryWork) -> Token:
            record, role = self._with_role(work.tx, device_id, role_name, refusal)
            token = record.tokens.get(role)
            if token is None or not may_touch_token(caller, device_id, role, token.scopes):
                raise refusal
            if token.revoked_ms is None:
                token = msgspec.structs.replace(token, revoked_ms=work.now_ms)
                store.save_token(work.tx, token)
            return token

        token = await self._write(unit)
        self._withdraw(caller, device_id, token.role)
        await self._tombstones.add([token.token_id])
        self._notices.changed()
        if token.role is Role.NODE:
            self._bus.publish(NodeRoleEnded(device_id))
        return token.role, token.revoked_ms or self._clock.now_ms()

    # Inside a unit

    def _pending(self, tx: Tx, request_id: str) -> Pending:
        request = store.find_pending(tx, request_id, self._clock.now_ms() - PENDING_MS)
        if request is None:
            raise InvalidRequest("unknown requestId", {"field": "/requestId"})
        return request

    @staticmethod
    def _managed(tx: Tx, caller: Principal, device_id: str, action: str) -> Record:
        if not manages(caller, device_id):
            raise denied(action)
        record = store.find(tx, device_id)
        if record is None:
            raise InvalidRequest("unknown deviceId", {"field": "/deviceId"})
        return record

    @staticmethod
    def _with_role(tx: Tx, device_id: str, role_name: str, refusal: InvalidRequest) -> tuple[Record, Role]:
        record = store.find(tx, device_id)
        role = next((role for role in record.device.roles if role == role_name), None) if record else None
        if record is None or role is None:
            raise refusal
        return record, role

    async def _write(self, unit: Callable[[RegistryWork], T]) -> T:
        now_ms = self._clock.now_ms()
        return await self._db.write(lambda tx: unit(RegistryWork(tx, self._mint, now_ms)))

    def _withdraw(self, caller: Principal, device_id: str, role: Role | None) -> None:
        """Close what stood on a token that ended, the caller's own connection last."""
        own = caller.device_id == device_id
        self._epoch.withdraw(device_id, role, spare=caller.conn_id if own else None)
        if own and role in {None, caller.role}:
            self._tasks.spawn("close own connection", self._close_later(caller.conn_id))

    async def _close_later(self, conn_id: str) -> None:
        await self._clock.sleep(ANSWER_FIRST_S)
        self._epoch.close(conn_id)


def _rotated_scopes(
    record: Record, role: Role, old: Token | None, names: tuple[str, ...] | None
) -> tuple[Scope, ...] | None:
    """The scopes of a replacement token; None when they are not within the device's approval."""
    if role is Role.NODE:
        return () if not names else None
    if names is None:
        return old.scopes if old is not None else record.device.scopes
    scopes = merged(parse_scopes(names))
    known = len(scopes) == len(dict.fromkeys(names))
    return scopes if known and covers(record.device.scopes, scopes) else None


def _noun(record: Record, *, connected: bool | None = None) -> PairedDevice:
    return record.device.noun(tuple(record.tokens.values()), connected=connected)
