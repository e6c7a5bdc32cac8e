"""Repairing entry can always be done by the owner of the machine (row S0.3-14)."""

import pytest

from gateway.devices.registry import PENDING_MS
from protocol.errors import InvalidRequest, NotPaired
from protocol.scopes import Scope
from protocol.signature import DeviceIdentity
from tests.gateway.devices.world import World, params, remote


async def waiting(world: World, device: DeviceIdentity) -> str:
    with pytest.raises(NotPaired) as caught:
        await world.connect(params(device=device, scopes=("operator.admin",)), remote())
    return str(caught.value.details["requestId"])


async def test_an_owner_approves_the_only_admin_device_while_repairing(world: World) -> None:
    device = DeviceIdentity.generate()
    request_id = await waiting(world, device)
    repaired = await world.repair.repair(world.operator(), request_id)
    assert repaired.actions == [f"approved {device.device_id}"]
    assert repaired.pending == []
    assert (await world.connect(params(device=device), remote())).principal.scopes == (Scope.READ,)


async def test_repair_reports_what_waits_and_drops_what_expired(world: World) -> None:
    await waiting(world, DeviceIdentity.generate())
    await world.clock.advance(PENDING_MS / 1000 + 1)
    current = await waiting(world, DeviceIdentity.generate())
    repaired = await world.repair.repair(world.operator(), None)
    assert [request.request_id for request in repaired.pending] == [current]
    assert repaired.expired == 0, "the new request already pushed the old one out"
    await world.clock.advance(PENDING_MS / 1000 + 1)
    assert (await world.repair.repair(world.operator(), None)).expired == 1
    with pytest.raises(InvalidRequest, match="unknown requestId"):
        await world.repair.repair(world.operator(), current)
