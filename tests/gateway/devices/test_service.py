"""Managing devices: nobody gives more than they hold, and what ends, ends at once (rows S0.3-14, S0.3-12)."""

import asyncio
from typing import Any

import pytest

from protocol.connect import ConnectAuth
from protocol.errors import InvalidRequest, NotPaired
from protocol.scopes import Role, Scope
from protocol.signature import DeviceIdentity
from tests.gateway.devices.world import Listener, World, local, node, params, remote

PAIRING = "operator.pairing"


async def pending(world: World, device: DeviceIdentity, **changes: Any) -> str:
    with pytest.raises(NotPaired) as caught:
        await world.connect(params(device=device, **changes), remote())
    return str(caught.value.details["requestId"])


async def paired(world: World, *scopes: str) -> tuple[DeviceIdentity, str]:
    device = DeviceIdentity.generate()
    auth = (await world.connect(params(device=device, scopes=scopes or ("operator.read",)))).auth
    assert auth.device_token is not None
    return device, auth.device_token


async def test_approving_takes_every_scope_the_device_asks_for(world: World) -> None:
    """Attack case 16."""
    device = DeviceIdentity.generate()
    request_id = await pending(world, device, scopes=("operator.admin",))
    for held in ([PAIRING], [PAIRING, "operator.write"], [PAIRING, "operator.read", "operator.approvals"]):
        with pytest.raises(InvalidRequest) as caught:
            await world.devices.approve(world.operator(*held), request_id)
        assert caught.value.message == "device pairing approval denied"
    assert (await world.devices.approve(world.operator("operator.admin"), request_id)).scopes == [Scope.ADMIN]


async def test_what_write_implies_may_be_approved_by_write(world: World) -> None:
    device = DeviceIdentity.generate()
    request_id = await pending(world, device, scopes=("operator.read", "operator.talk"))
    await world.devices.approve(world.operator(PAIRING, "operator.write"), request_id)


async def test_letting_a_node_in_takes_an_admin(world: World) -> None:
    device = DeviceIdentity.generate()
    with pytest.raises(NotPaired) as caught:
        await world.connect(node(device), remote())
    request_id = str(caught.value.details["requestId"])
    with pytest.raises(InvalidRequest, match="device pairing approval denied"):
        await world.devices.approve(world.operator(PAIRING, "operator.write"), request_id)
    await world.devices.approve(world.operator("operator.admin"), request_id)


async def test_a_device_without_admin_sees_and_manages_only_itself(world: World) -> None:
    """Attack cases 16 and 17."""
    mine, _ = await paired(world, PAIRING, "operator.read")
    other, _ = await paired(world)
    waiting = await pending(world, DeviceIdentity.generate())
    me = world.operator(PAIRING, "operator.read", device_id=mine.device_id, method="device-token")
    requests, devices = await world.devices.overview(me)
    assert ([request.request_id for request in requests], [device.device_id for device in devices]) == (
        [],
        [mine.device_id],
    )
    denials = [
        (world.devices.approve(me, waiting), "device pairing approval denied"),
        (world.devices.reject(me, waiting), "device pairing rejection denied"),
        (world.devices.remove(me, other.device_id), "device pairing removal denied"),
        (world.devices.rename(me, other.device_id, "x"), "device pairing rename denied"),
        (world.devices.rotate(me, other.device_id, "operator", None), "device token rotation denied"),
        (world.devices.revoke(me, other.device_id, "operator"), "device token revocation denied"),
        (
            world.devices.rotate(me, mine.device_id, "operator", ("operator.admin",)),
            "device token rotation denied",
        ),
    ]
    for call, message in denials:
        with pytest.raises(InvalidRequest) as caught:
            await call
        assert caught.value.message == message
    assert await world.devices.rename(me, mine.device_id, " Desk ") == "Desk"


async def test_replacing_or_ending_a_token_takes_its_scopes(world: World) -> None:
    """Attack case 16."""
    device, _ = await paired(world, "operator.admin")
    helper = world.operator(PAIRING)
    for call in (
        world.devices.rotate(helper, device.device_id, "operator", None),
        world.devices.rotate(helper, device.device_id, "operator", (PAIRING,)),
        world.devices.revoke(helper, device.device_id, "operator"),
    ):
        with pytest.raises(InvalidRequest, match="denied"):
            await call
    machine = DeviceIdentity.generate()
    await world.connect(node(machine))
    with pytest.raises(InvalidRequest, match="device token rotation denied"):
        await world.devices.rotate(helper, machine.device_id, "node", None)


@pytest.mark.parametrize("role", ["operator", "node", "bogus"])
async def test_unknown_devices_and_roles_are_denied_without_a_hint(world: World, role: str) -> None:
    device, _ = await paired(world)
    admin = world.operator()
    for device_id in ("0" * 64, device.device_id if role != "operator" else "x"):
        with pytest.raises(InvalidRequest, match="device token rotation denied"):
            await world.devices.rotate(admin, device_id, role, None)
        with pytest.raises(InvalidRequest, match="device token revocation denied"):
            await world.devices.revoke(admin, device_id, role)
    for call in (world.devices.remove(admin, "x"), world.devices.rename(admin, "x", "y")):
        with pytest.raises(InvalidRequest, match="unknown deviceId"):
            await call


async def test_rotation_stays_within_the_approval(world: World) -> None:
    device, old = await paired(world, "operator.read", "operator.write")
    admin = world.operator()
    for scopes in (("operator.admin",), ("operator.nonsense",), ("operator.read", "operator.nonsense")):
        with pytest.raises(InvalidRequest, match="denied"):
            await world.devices.rotate(admin, device.device_id, "operator", scopes)
    token, text = await world.devices.rotate(admin, device.device_id, "operator", ("operator.read",))
    assert (token.scopes, text) == ((Scope.READ,), None), "an admin never sees another device's token"
    own = params(device=device, auth=ConnectAuth(device_token=old))
    with pytest.raises(InvalidRequest) as caught:
        await world.connect(own)
    assert caught.value.details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
    fresh = (await world.connect(params(device=device))).auth.device_token
    narrow = params(device=device, auth=ConnectAuth(device_token=fresh), scopes=("operator.write",))
    with pytest.raises(InvalidRequest) as caught:
        await world.connect(narrow)
    assert caught.value.details["code"] == "AUTH_SCOPE_MISMATCH"


async def test_a_node_token_is_rotated_without_scopes(world: World) -> None:
    machine = DeviceIdentity.generate()
    await world.connect(node(machine))
    with pytest.raises(InvalidRequest, match="denied"):
        await world.devices.rotate(world.operator(), machine.device_id, "node", ("operator.read",))
    token, _ = await world.devices.rotate(world.operator(), machine.device_id, "node", ())
    assert (token.role, token.scopes) == (Role.NODE, ())


async def test_a_device_that_rotates_its_own_token_gets_it_before_it_is_closed(world: World) -> None:
    device, old = await paired(world, PAIRING)
    request = params(device=device, auth=ConnectAuth(device_token=old), scopes=(PAIRING,))
    mine = world.join((await world.connect(request)).principal)
    sibling = world.join((await world.connect(request)).principal)
    _, text = await world.devices.rotate(mine.principal, device.device_id, "operator", None)
    assert text is not None
    assert sibling.closed == (4001, "device removed")
    assert mine.closed is None
    await world.clock.advance(0.3)
    assert mine.closed == (4001, "device removed")
    again = params(device=device, auth=ConnectAuth(device_token=text), scopes=(PAIRING,))
    assert (await world.connect(again)).auth.device_token == text


async def test_what_ends_closes_its_connections_and_no_other(world: World) -> None:
    """Attack case 19."""
    device, _ = await paired(world)
    bystander, _ = await paired(world)
    with pytest.raises(NotPaired) as caught:
        await world.connect(node(device))
    await world.devices.approve(world.operator(), str(caught.value.details["requestId"]))
    as_operator = world.join((await world.connect(params(device=device))).principal)
    as_node = world.join((await world.connect(node(device))).principal)
    other = world.join((await world.connect(params(device=bystander))).principal)
    await world.devices.revoke(world.operator(), device.device_id, "operator")
    assert (as_operator.closed, as_node.closed, other.closed) == ((4001, "device removed"), None, None)
    frames = len(as_operator.frames)
    await world.devices.remove(world.operator(), device.device_id)
    assert (as_node.closed, other.closed) == ((4001, "device removed"), None)
    assert len(as_operator.frames) == frames


async def test_a_removed_device_is_a_stranger_again(world: World) -> None:
    device, token = await paired(world)
    await world.devices.remove(world.operator(), device.device_id)
    with pytest.raises(InvalidRequest):
        await world.connect(params(device=device, auth=ConnectAuth(device_token=token)))
    assert await pending(world, device)
    fresh = (await world.connect(params(device=device))).auth.device_token
    assert fresh != token


async def test_no_old_token_enters_after_a_rotation_was_committed(world: World) -> None:
    """Attack case 20: reconnecting 100 times at once while the token is replaced."""
    device, old = await paired(world)
    request = params(device=device, auth=ConnectAuth(device_token=old))
    committed = False
    entered: list[Listener] = []

    async def reconnect() -> None:
        after = committed
        try:
            admitted = await world.connect(request)
        except InvalidRequest:
            return
        assert not after
        entered.append(world.join(admitted.principal))

    async def rotate() -> None:
        nonlocal committed
        await world.devices.rotate(world.operator(), device.device_id, "operator", None)
        committed = True

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(reconnect())
            if number == 50:
                group.create_task(rotate())
    assert {listener.closed for listener in entered} <= {(4001, "device removed")}
    with pytest.raises(InvalidRequest):
        await world.connect(request)


async def test_rejecting_ends_the_request(world: World) -> None:
    device, operator = DeviceIdentity.generate(), world.join(world.operator())
    request_id = await pending(world, device)
    assert await world.devices.reject(operator.principal, request_id) == device.device_id
    (resolved,) = operator.events("device.pair.resolved")
    assert (resolved["requestId"], resolved["decision"]) == (request_id, "rejected")
    with pytest.raises(InvalidRequest, match="unknown requestId"):
        await world.devices.approve(world.operator(), request_id)


async def test_labels_survive_another_pairing(world: World) -> None:
    device, _ = await paired(world)
    await world.devices.rename(world.operator(), device.device_id, "Kitchen")
    with pytest.raises(InvalidRequest, match="label required"):
        await world.devices.rename(world.operator(), device.device_id, "   ")
    await world.connect(params(device=device, scopes=("operator.admin",)))
    _, (found,) = await world.devices.overview(world.operator())
    assert (found.operator_label, found.scopes) == ("Kitchen", [Scope.READ, Scope.ADMIN])


async def test_the_list_shows_who_is_connected(world: World) -> None:
    device, _ = await paired(world)
    world.join((await world.connect(params(device=device), local())).principal)
    await paired(world)
    _, devices = await world.devices.overview(world.operator())
    assert {found.device_id: found.connected for found in devices}[device.device_id] is True
    assert sum(bool(found.connected) for found in devices) == 1


async def test_a_revoked_token_stays_revoked_after_a_restored_backup(world: World) -> None:
    """Attack case 21."""
    revoked, token = await paired(world)
    removed, removed_token = await paired(world)
    rotated, rotated_token = await paired(world)
    kept, kept_token = await paired(world)
    before = await world.db.read(lambda tx: tx.execute("SELECT * FROM device_tokens").fetchall())
    devices = await world.db.read(lambda tx: tx.execute("SELECT * FROM devices").fetchall())
    await world.devices.revoke(world.operator(), revoked.device_id, "operator")
    await world.devices.remove(world.operator(), removed.device_id)
    await world.devices.rotate(world.operator(), rotated.device_id, "operator", None)

    def restore(tx: Any) -> None:
        tx.execute("DELETE FROM devices")
        for table, rows in (("devices", devices), ("device_tokens", before)):
            marks = ", ".join("?" * len(rows[0]))
            tx.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - the test's own names

    await world.db.write(restore)
    world = await world.reopened()
    for device, text in ((revoked, token), (removed, removed_token), (rotated, rotated_token)):
        with pytest.raises(InvalidRequest) as caught:
            await world.connect(params(device=device, auth=ConnectAuth(device_token=text)))
        assert caught.value.details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
    own = params(device=kept, auth=ConnectAuth(device_token=kept_token))
    assert (await world.connect(own)).auth.method == "device-token"
    await world.tasks.close(1.0)
