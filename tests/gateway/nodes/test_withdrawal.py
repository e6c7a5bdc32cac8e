"""A node that is removed is out within a second, and nothing it sends afterwards counts.

Issue "Done when" 3; cases 19, 21; rows S0.3-4, S0.3-14.
"""

import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.nodes import store
from gateway.nodes.model import NodeFacts, NodeRecord, SurfaceRequest
from protocol.capability import Surface
from protocol.signature import DeviceIdentity
from tests.gateway.devices.world import World
from tests.gateway.devices.world import node as node_connect
from tests.gateway.nodes.house import PAIRING, READ, WRITE, begin, failed, operator, refusal
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, described, invoke, pending_request
from tests.support.wire import DeviceKey, Json, WireClient

STATS = {"cpuCount": 2, "memoryTotalBytes": 1, "memoryFreeBytes": 1}

End = Callable[[WireClient, str], Awaitable[object]]


async def node_pair_remove(admin: WireClient, node_id: str) -> object:
    answer = await admin.call("node.pair.remove", {"nodeId": node_id})
    assert answer == {"nodeId": node_id}
    return answer


async def device_pair_remove(admin: WireClient, node_id: str) -> object:
    return await admin.call("device.pair.remove", {"deviceId": node_id})


async def device_token_revoke(admin: WireClient, node_id: str) -> object:
    return await admin.call("device.token.revoke", {"deviceId": node_id, "role": "node"})


ENDS = pytest.mark.parametrize("end", [node_pair_remove, device_pair_remove, device_token_revoke])


async def shout(node: ScriptedNode, request: Json) -> None:
    """Send what a node sends, as fast as the closing socket takes it."""
    calls: list[tuple[str, Json]] = [
        ("node.invoke.result", node.result(request, {"late": True})),
        ("node.event", {"event": "node.host.stats", "payload": STATS}),
        ("node.event", {"event": "node.presence.activity", "payload": {"idleSeconds": 0, "source": "app"}}),
    ]
    for method, params in calls * 5:
        frame = {"type": "req", "id": method, "method": method, "params": params}
        try:
            await node.wire.send_raw(json.dumps(frame))
        except ConnectionClosed:
            return


@ENDS
async def test_19_a_removed_node_is_out_within_a_second(
    shared_daemon: Daemon, admin: WireClient, end: End
) -> None:
    node = ScriptedNode(shared_daemon, commands=["device.info"])
    async with node:
        await node.approved_by(admin)
        open_id = await begin(admin, node, "device.info")
        request = await node.next_request()
        mark, started = admin.mark(), time.monotonic()
        await end(admin, node.id)
        await shout(node, request)
        assert await node.wire.closed(timeout_s=1.0) == (4001, "device removed")
        assert time.monotonic() - started < 1.0
        error = await failed(admin, open_id)
        assert error.code == "UNAVAILABLE"
        assert error.details["code"] in {"PAIRING_CHANGED", "DISCONNECTED"}
        resolved = await admin.wait_event(
            "node.pair.resolved", lambda payload: payload["nodeId"] == node.id, since=mark
        )
        assert resolved["payload"]["decision"] == "removed"
        assert (await refusal(described(admin, node.id))).message == "unknown nodeId"
        assert node.id not in {row["nodeId"] for row in (await admin.call("node.list", {}))["nodes"]}
        unknown = await refusal(invoke(admin, node, "device.info"))
        assert (unknown.code, unknown.message) == ("INVALID_REQUEST", "unknown nodeId")
        for event in ("node.hostStats", "node.presence"):
            assert not [one for one in admin.payloads(event, mark) if one["nodeId"] == node.id]


@ENDS
async def test_21_a_removed_node_starts_from_nothing(
    shared_daemon: Daemon, admin: WireClient, end: End
) -> None:
    node = ScriptedNode(shared_daemon, commands=["device.info"])
    await node.connect()
    await node.approved_by(admin)
    token = node.device_token
    await end(admin, node.id)
    error = await refusal(node.connect(auth={"deviceToken": token}))
    assert error.details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
    async with node:  # with the shared secret, on this machine
        assert (await pending_request(admin, node.id))["commands"] == ["device.info"]
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("pending-approval", [])


async def test_the_node_hears_that_it_was_removed(shared_daemon: Daemon, admin: WireClient) -> None:
    async with ScriptedNode(shared_daemon, commands=["device.info"]) as node:
        await node.approved_by(admin)
        await admin.call("node.pair.remove", {"nodeId": node.id})
        await node.wire.closed()
        decisions = [payload["decision"] for payload in node.wire.payloads("node.pair.resolved")]
        assert decisions == ["approved", "removed"]


async def test_a_node_that_only_waits_can_be_removed(shared_daemon: Daemon, admin: WireClient) -> None:
    async with ScriptedNode(shared_daemon, commands=["device.info"]) as node:
        request = await pending_request(admin, node.id)
        await admin.call("node.pair.remove", {"nodeId": node.id})
        await node.wire.closed(timeout_s=1.0)
        error = await refusal(admin.call("node.pair.approve", {"requestId": request["requestId"]}))
        assert error.message == "unknown requestId"


async def test_the_owners_command_line_removes_with_the_scope_for_pairing(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    """`openclaw nodes remove` asks for no more, also for a node that runs programs."""
    async with (
        ScriptedNode(shared_daemon, commands=["system.run"]) as node,
        await operator(shared_daemon, PAIRING) as owner,
    ):
        await node.approved_by(admin)
        await owner.call("node.pair.remove", {"nodeId": node.id})
        assert await node.wire.closed(timeout_s=1.0) == (4001, "device removed")


async def test_another_device_manages_no_node_unless_it_is_an_admin(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    """As OpenClaw 2026.9.6: a paired phone with these scopes decides about itself, not about the laptop."""
    node = ScriptedNode(shared_daemon, commands=["device.info"])
    async with node, await operator(shared_daemon, PAIRING, WRITE, READ, identity=DeviceKey()) as phone:
        request = await pending_request(admin, node.id)
        assert await phone.call("node.pair.list", {}) == {"pending": [], "paired": []}
        for method, params in (
            ("node.pair.approve", {"requestId": request["requestId"]}),
            ("node.pair.reject", {"requestId": request["requestId"]}),
            ("node.rename", {"nodeId": node.id, "displayName": "mine"}),
        ):
            error = await refusal(phone.call(method, params))
            assert error.code == "INVALID_REQUEST"
            assert error.message.endswith("denied")
        error = await refusal(phone.call("node.pair.remove", {"nodeId": node.id}))
        assert (error.code, error.details["code"]) == ("FORBIDDEN", "MISSING_SCOPE")
        row = await described(admin, node.id)
        assert (row["approvalState"], row["displayName"]) == ("pending-approval", "laptop")
        await node.approved_by(admin)
        assert (await phone.call("node.pair.list", {}))["paired"] == []
    async with await operator(shared_daemon, identity=DeviceKey()) as desk:
        await desk.call("node.rename", {"nodeId": node.id, "displayName": "ours"})
        assert node.id in {row["nodeId"] for row in (await desk.call("node.pair.list", {}))["paired"]}
        await desk.call("node.pair.remove", {"nodeId": node.id})


async def test_a_rotated_token_keeps_what_was_approved(shared_daemon: Daemon, admin: WireClient) -> None:
    node = ScriptedNode(shared_daemon, commands=["device.info"], answers={"device.info": None})
    async with node:
        await node.approved_by(admin)
        old = node.device_token
        await admin.call("device.token.rotate", {"deviceId": node.id, "role": "node"})
        assert await node.wire.closed(timeout_s=1.0) == (4001, "device removed")
        error = await refusal(node.connect(auth={"deviceToken": old}))
        assert error.details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
        await node.connect()
        assert node.device_token != old
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("approved", ["device.info"])
        assert (await invoke(admin, node, "device.info"))["ok"] is True


async def test_a_device_that_is_also_an_operator_loses_only_the_node(
    shared_daemon: Daemon, admin: WireClient
) -> None:
    """Its own removal takes an admin, and a refused one changes nothing."""
    node = ScriptedNode(shared_daemon, commands=["device.info"])
    async with await operator(shared_daemon, PAIRING, WRITE, identity=node.key) as own:
        waits = await refusal(node.connect())
        assert waits.details["reason"] == "role-upgrade"
        await admin.call("device.pair.approve", {"requestId": waits.details["requestId"]})
        async with node:
            await node.approved_by(admin)
            error = await refusal(own.call("node.pair.remove", {"nodeId": node.id}))
            assert (error.code, error.details["code"]) == ("FORBIDDEN", "MISSING_SCOPE")
            row = await described(admin, node.id)
            assert (row["approvalState"], row["commands"], row["connected"]) == (
                "approved",
                ["device.info"],
                True,
            )
            await admin.call("node.pair.remove", {"nodeId": node.id})
            assert await node.wire.closed(timeout_s=1.0) == (4001, "device removed")
            devices = (await own.call("device.pair.list", {}))["paired"]
            (device,) = [device for device in devices if device["deviceId"] == node.id]
            assert device["roles"] == ["operator"]


# What no bus and no task has a part in: the surface goes in the same commit as the device.


async def approved_node(world: World, device: DeviceIdentity) -> str:
    await world.connect(node_connect(device, auth=None))
    facts = NodeFacts(client_id="node-host", client_mode="node", version="1", platform="linux")
    surface = Surface.of(commands=["system.run"])
    record = NodeRecord(node_id=device.device_id, facts=facts, created_ms=1, approved=surface, approved_ms=1)
    request = SurfaceRequest(
        request_id=device.device_id, node_id=device.device_id, surface=surface, silent=True, asked_ms=1
    )
    await world.db.write(lambda tx: (store.save(tx, record), store.save_request(tx, request)))
    return device.device_id


async def surfaces(world: World) -> tuple[int, int]:
    return await world.db.read(lambda tx: (len(store.everyone(tx)), len(store.requests(tx))))


@pytest.mark.parametrize("way", ["remove", "revoke", "end_node_role"])
async def test_no_crash_leaves_a_surface_without_its_device(tmp_path: Path, way: str) -> None:
    """The gateway may end right after the commit that removes a device; here nobody listens for it."""
    migrations = [
        *load_migrations("devices", "gateway.devices"),
        *load_migrations("nodes", "gateway.nodes"),
    ]
    db = await Database.open(tmp_path / "state.db", migrations, durable=False)
    try:
        world = World(db, tmp_path)
        node_id = await approved_node(world, DeviceIdentity.generate())
        await approved_node(world, DeviceIdentity.generate())
        assert await surfaces(world) == (2, 2)
        if way == "remove":
            await world.devices.remove(world.operator(), node_id)
        elif way == "revoke":
            await world.devices.revoke(world.operator(), node_id, "node")
        else:
            await world.devices.end_node_role(world.operator(), node_id)
        assert await surfaces(world) == (1, 1)
        await world.tasks.close(1.0)
    finally:
        await db.close()


async def test_a_rotated_token_leaves_the_stored_surface(tmp_path: Path) -> None:
    migrations = [
        *load_migrations("devices", "gateway.devices"),
        *load_migrations("nodes", "gateway.nodes"),
    ]
    db = await Database.open(tmp_path / "state.db", migrations, durable=False)
    try:
        world = World(db, tmp_path)
        node_id = await approved_node(world, DeviceIdentity.generate())
        await world.devices.rotate(world.operator(), node_id, "node", None)
        assert await surfaces(world) == (1, 1)
        await world.tasks.close(1.0)
    finally:
        await db.close()
