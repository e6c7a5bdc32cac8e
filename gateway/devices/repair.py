"""Getting back in, for whoever owns the machine."""

from gateway.devices import store
from gateway.devices.lockouts import Lockouts
from gateway.devices.registry import MAX_PENDING, PENDING_MS
from gateway.devices.service import Devices
from gateway.devices.setup_codes import SetupCodes
from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database
from protocol.methods.device import DevicesRepaired


class Repair:
    """Clears what keeps people out.

    It needs nothing but an admin, and over the local socket its owner is one without any token, device or
    earlier approval: repairing can therefore never wait for itself.
    """

    def __init__(
        self, db: Database, devices: Devices, lockouts: Lockouts, codes: SetupCodes, clock: Clock
    ) -> None:
        self._db = db
        self._devices = devices
        self._lockouts = lockouts
        self._codes = codes
        self._clock = clock

    async def repair(self, caller: Principal, approve: str | None) -> DevicesRepaired:
        """Lift lock-outs, drop what expired, and approve one waiting device if asked to.

        Raises:
            InvalidRequest: when `approve` names no waiting request.
        """
        actions: list[str] = []
        if approve is not None:
            device = await self._devices.approve(caller, approve)
            actions.append(f"approved {device.operator_label or device.display_name or device.device_id}")
        lockouts = await self._lockouts.clear()
        if lockouts:
            actions.append(f"lifted {lockouts} lock-outs")
        expired = await self.reap()
        if expired:
            actions.append(f"dropped {expired} expired requests and codes")
        pending, _ = await self._devices.overview(caller)
        return DevicesRepaired(lockouts=lockouts, expired=expired, pending=pending, actions=actions)

    async def reap(self) -> int:
        """Drop expired requests, codes and counters; how many requests and codes."""
        before_ms = self._clock.now_ms() - PENDING_MS
        gone = await self._db.write(lambda tx: store.expire_pending(tx, before_ms, MAX_PENDING))
        await self._lockouts.reap()
        return len(gone) + await self._codes.reap()
