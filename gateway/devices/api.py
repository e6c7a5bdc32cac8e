"""The pairing methods."""

from gateway.devices.repair import Repair
from gateway.devices.service import Devices
from gateway.devices.setup_codes import SetupCodes
from gateway.kernel.audit.trail import Recorder
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from protocol.methods.device import (
    DevicePairApprove,
    DevicePairApproved,
    DevicePairList,
    DevicePairListResult,
    DevicePairReject,
    DevicePairRejected,
    DevicePairRemove,
    DevicePairRemoved,
    DevicePairRename,
    DevicePairRenamed,
    DevicePairSetupCode,
    DevicePairSetupStatus,
    DevicePairSetupStatusResult,
    DeviceSetupCode,
    DevicesRepair,
    DevicesRepaired,
    DeviceTokenRevoke,
    DeviceTokenRevoked,
    DeviceTokenRotate,
    DeviceTokenRotated,
)


class DeviceApi:
    """`device.*` and `devices.repair`."""

    def __init__(self, devices: Devices, codes: SetupCodes, repair: Repair, audit: Recorder) -> None:
        self._devices = devices
        self._codes = codes
        self._repair = repair
        self._audit = audit

    @handles(DevicePairList)
    async def list_devices(self, ctx: Ctx, _call: DevicePairList) -> DevicePairListResult:
        """Waiting and paired devices."""
        pending, paired = await self._devices.overview(ctx.principal)
        return DevicePairListResult(pending=pending, paired=paired)

    @handles(DevicePairApprove)
    async def approve(self, ctx: Ctx, call: DevicePairApprove) -> DevicePairApproved:
        """Let a device in."""
        device = await self._devices.approve(ctx.principal, call.request_id)
        details = {"roles": device.roles, "scopes": device.scopes}
        self._audit.record(
            "device.pair.approved", actor=ctx.principal.actor, subject=device.device_id, details=details
        )
        return DevicePairApproved(request_id=call.request_id, device=device)

    @handles(DevicePairReject)
    async def reject(self, ctx: Ctx, call: DevicePairReject) -> DevicePairRejected:
        """Turn a device away."""
        device_id = await self._devices.reject(ctx.principal, call.request_id)
        self._audit.record("device.pair.rejected", actor=ctx.principal.actor, subject=device_id)
        return DevicePairRejected(request_id=call.request_id, device_id=device_id)

    @handles(DevicePairRemove)
    async def remove(self, ctx: Ctx, call: DevicePairRemove) -> DevicePairRemoved:
        """Forget a device."""
        await self._devices.remove(ctx.principal, call.device_id)
        self._audit.record("device.removed", actor=ctx.principal.actor, subject=call.device_id)
        return DevicePairRemoved(device_id=call.device_id)

    @handles(DevicePairRename)
    async def rename(self, ctx: Ctx, call: DevicePairRename) -> DevicePairRenamed:
        """Name a device."""
        label = await self._devices.rename(ctx.principal, call.device_id, call.label)
        return DevicePairRenamed(device_id=call.device_id, label=label)

    @handles(DevicePairSetupCode)
    async def setup_code(self, ctx: Ctx, call: DevicePairSetupCode) -> DeviceSetupCode:
        """Make a setup code."""
        code = await self._codes.make(call)
        self._audit.record(
            "device.setupCode.made",
            actor=ctx.principal.actor,
            subject=code.setup_id,
            details={"access": code.access},
        )
        return code

    @handles(DevicePairSetupStatus)
    async def setup_status(self, _ctx: Ctx, call: DevicePairSetupStatus) -> DevicePairSetupStatusResult:
        """Whether a code was used."""
        return DevicePairSetupStatusResult(completion=await self._codes.completion(call.setup_id))

    @handles(DeviceTokenRotate)
    async def rotate(self, ctx: Ctx, call: DeviceTokenRotate) -> DeviceTokenRotated:
        """Replace a token."""
        token, text = await self._devices.rotate(ctx.principal, call.device_id, call.role, call.scopes)
        details = {"role": token.role, "scopes": token.scopes}
        self._audit.record(
            "device.token.rotated", actor=ctx.principal.actor, subject=call.device_id, details=details
        )
        return DeviceTokenRotated(
            device_id=call.device_id,
            role=token.role,
            scopes=[*token.scopes],
            rotated_at_ms=token.issued_ms,
            token_delivery="in-band" if text is not None else "withheld-cross-device",
            token=text,
        )

    @handles(DeviceTokenRevoke)
    async def revoke(self, ctx: Ctx, call: DeviceTokenRevoke) -> DeviceTokenRevoked:
        """End a token."""
        role, revoked_ms = await self._devices.revoke(ctx.principal, call.device_id, call.role)
        self._audit.record(
            "device.token.revoked",
            actor=ctx.principal.actor,
            subject=call.device_id,
            details={"role": role},
        )
        return DeviceTokenRevoked(device_id=call.device_id, role=role, revoked_at_ms=revoked_ms)

    @handles(DevicesRepair)
    async def repair(self, ctx: Ctx, call: DevicesRepair) -> DevicesRepaired:
        """Make entry possible again."""
        repaired = await self._repair.repair(ctx.principal, call.approve)
        self._audit.record("device.repaired", actor=ctx.principal.actor, subject=call.approve or "")
        return repaired
