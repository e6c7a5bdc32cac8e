"""The presence list: who is on it, for how long, and how often operators hear of changes (row S1.B-4)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from gateway.kernel.supervisor import Supervisor
from gateway.presence.roster import KEPT_MS, MAX_ROWS, Roster
from gateway.presence.service import Presence
from protocol.connect import ClientInfo, ConnectParams
from protocol.ids import new_id
from protocol.nouns.presence import PresenceRow
from protocol.scopes import Role, Scope
from tests.support.clock import FakeClock
from tests.support.daemon import Daemon
from tests.support.nodes import IPHONE, ScriptedNode
from tests.support.wire import DeviceKey, RpcError, WireClient

OWN = PresenceRow(ts=0, host="box", mode="gateway", reason="self", instance_id="boot", text="Gateway: box")


def principal(
    *,
    client: tuple[str, str] = ("openclaw-tui", "ui"),
    role: Role = Role.OPERATOR,
    device_id: str | None = None,
    instance_id: str | None = None,
    remote_ip: str = "127.0.0.1",
    scopes: tuple[Scope, ...] = (Scope.READ,),
) -> Principal:
    info = msgspec.convert(
        {
            "id": client[0],
            "mode": client[1],
            "version": "2",
            "platform": "linux",
            "displayName": "Desk",
            "instanceId": instance_id,
        },
        ClientInfo,
    )
    return Principal(
        conn_id=new_id(),
        role=role,
        scopes=scopes if role is Role.OPERATOR else (),
        client=info,
        device_id=device_id,
        profile_id="gateway-owner" if device_id and role is Role.OPERATOR else None,
        caps=frozenset(),
        remote_ip=remote_ip,
        auth_method="token",
    )


class Reader:
    """An operator's connection at the hub's seam."""

    resumable = False
    lagging = False

    def __init__(self, *scopes: Scope) -> None:
        self.principal = principal(client=("cli", "cli"), scopes=scopes)
        self.frames: list[dict[str, Any]] = []

    def deliver(self, pending: Pending) -> None:
        self.frames.append(json.loads(pending.event.frame(None, None)))

    def close(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))


class World:
    """Presence with a hub and a clock that stands still."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hub = Hub("epoch")
        self.tasks = Supervisor()
        self.presence = Presence(Roster(OWN), self.hub, self.clock, self.tasks)

    def enter(self, who: Principal) -> Principal:
        claims = ConnectParams(min_protocol=4, max_protocol=4, client=who.client)
        self.presence.on_opened(ConnectionOpened(who, claims))
        return who

    def leave(self, who: Principal) -> None:
        self.presence.on_closed(ConnectionClosed(who, 1000, ""))

    def rows(self) -> list[PresenceRow]:
        return self.presence.rows()

    def reasons(self) -> list[str | None]:
        return [row.reason for row in self.rows()]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.tasks.close(1.0)


async def test_the_gateway_comes_first_with_the_present_time(world: World) -> None:
    (own,) = world.rows()
    assert own == msgspec.structs.replace(OWN, ts=world.clock.now_ms())


async def test_a_row_tells_device_program_and_person(world: World) -> None:
    who = world.enter(principal(device_id="d1", instance_id="i1", remote_ip="203.0.113.5"))
    assert json.loads(msgspec.json.encode(world.rows()[1])) == {
        "ts": world.clock.now_ms(),
        "host": "Desk",
        "ip": "203.0.113.5",
        "version": "2",
        "platform": "linux",
        "mode": "ui",
        "reason": "connect",
        "text": "Client: Desk · mode ui",
        "deviceId": "d1",
        "instanceId": "i1",
        "roles": ["operator"],
        "scopes": ["operator.read"],
        "user": {"id": "gateway-owner", "identity": {"type": "profile", "id": "gateway-owner"}},
        "onlineSince": world.clock.now_ms(),
    }
    assert who.profile_id == "gateway-owner"


async def test_a_node_is_named_by_its_device_and_local_addresses_are_left_out(world: World) -> None:
    world.enter(principal(client=("node-host", "node"), role=Role.NODE, device_id="d2"))
    row = world.rows()[1]
    assert (row.instance_id, row.ip, row.user, row.scopes) == ("d2", None, None, None)
    assert row.text == "Node: Desk · mode node"


@pytest.mark.parametrize("mode", ["cli", "backend", "probe"])
async def test_clients_that_come_for_one_answer_are_not_listed(world: World, mode: str) -> None:
    who = world.enter(principal(client=("cli", mode)))
    assert len(world.rows()) == 1
    world.leave(who)
    assert world.hub.state_version.presence == 1


async def test_one_row_per_device_however_often_it_connects(world: World) -> None:
    first = world.enter(principal(device_id="d1"))
    second = world.enter(principal(device_id="d1"))
    assert world.reasons() == ["self", "connect"]
    world.leave(first)
    assert world.reasons() == ["self", "connect"]
    world.leave(second)
    assert world.reasons() == ["self", "disconnect"]


async def test_a_device_that_is_node_and_client_is_one_row_with_both_roles(world: World) -> None:
    """S0.3-12: what it is there for follows its connections."""
    app = world.enter(principal(client=("openclaw-ios", "ui"), device_id="phone"))
    node = world.enter(principal(client=("openclaw-ios", "node"), role=Role.NODE, device_id="phone"))
    (_, row) = world.rows()
    assert (row.device_id, row.roles, row.scopes) == (
        "phone",
        [Role.OPERATOR, Role.NODE],
        ["operator.read"],
    )
    world.leave(node)
    assert world.rows()[1].roles == [Role.OPERATOR]
    world.leave(app)
    assert world.reasons() == ["self", "disconnect"]


async def test_without_a_device_the_instance_and_then_the_connection_is_the_row(world: World) -> None:
    for instance_id in ("i1", "I1", "i2", None, None):
        world.enter(principal(client=("openclaw-macos", "ui"), instance_id=instance_id))
    assert len(world.rows()) == 1 + 4


async def test_who_left_stays_five_minutes(world: World) -> None:
    world.leave(world.enter(principal(device_id="d1")))
    await world.clock.advance(KEPT_MS / 1000)
    assert world.reasons() == ["self", "disconnect"]
    await world.clock.advance(1)
    assert world.reasons() == ["self"]


async def test_who_is_connected_stays_and_comes_before_who_left(world: World) -> None:
    world.enter(principal(device_id="stays"))
    await world.clock.advance(10 * KEPT_MS / 1000)
    world.leave(world.enter(principal(device_id="left")))
    assert [row.device_id for row in world.rows()] == [None, "stays", "left"]


async def test_time_online_spans_overlapping_connections_of_a_person(world: World) -> None:
    began_ms = world.clock.now_ms()
    phone = world.enter(principal(device_id="phone"))
    await world.clock.advance(60)
    desk = world.enter(principal(device_id="desk"))
    assert world.rows()[1].online_since == began_ms
    world.leave(phone)
    world.leave(desk)
    await world.clock.advance(60)
    world.enter(principal(device_id="desk"))
    assert world.rows()[1].online_since == world.clock.now_ms()


async def test_the_list_is_bounded(world: World) -> None:
    for number in range(2 * MAX_ROWS):
        world.presence.report(PresenceRow(ts=world.clock.now_ms() + number, text=f"beacon {number}"))
    rows = world.rows()
    assert len(rows) == MAX_ROWS
    assert rows[1].text == f"beacon {2 * MAX_ROWS - 1}"


async def test_a_beacon_adds_to_what_is_known(world: World) -> None:
    world.enter(principal(device_id="d1"))
    world.presence.report(PresenceRow(ts=5, text="hey", device_id="D1", last_input_seconds=3, tags=["t"]))
    (_, row) = world.rows()
    assert (row.version, row.text, row.last_input_seconds, row.tags, row.ts) == ("2", "hey", 3, ["t"], 5)


async def test_operators_with_read_hear_of_changes_together_with_the_version(world: World) -> None:
    reader, outsider = Reader(Scope.READ), Reader(Scope.PAIRING)
    world.hub.join(reader)
    world.hub.join(outsider)
    for number in range(5):
        world.enter(principal(device_id=f"d{number}"))
    assert reader.frames == []
    await world.clock.advance(0.2)
    (frame,) = reader.frames
    assert frame["stateVersion"] == {"presence": 6, "health": 1}
    assert len(frame["payload"]["presence"]) == 6
    assert outsider.frames == []
    world.leave(world.enter(principal(device_id="d9")))
    await world.clock.advance(0.2)
    assert [row["reason"] for row in reader.frames[-1]["payload"]["presence"]].count("disconnect") == 1


async def test_a_long_list_is_sent_less_often(world: World) -> None:
    reader = Reader(Scope.READ)
    world.hub.join(reader)
    for number in range(60):
        world.enter(principal(device_id=f"d{number}"))
    await world.clock.advance(1)
    for number in range(60):
        world.enter(principal(device_id=f"e{number}"))
        await world.clock.advance(0.1)
    assert len(reader.frames) <= 5
    await world.clock.advance(3)
    assert len(reader.frames[-1]["payload"]["presence"]) == 121


async def test_the_snapshot_is_current(world: World) -> None:
    assert len(json.loads(bytes(world.presence.snapshot()))) == 1
    world.enter(principal(device_id="d1"))
    assert len(json.loads(bytes(world.presence.snapshot()))) == 2
    await world.clock.advance(5)
    assert json.loads(bytes(world.presence.snapshot()))[0]["ts"] == world.clock.now_ms()


async def test_the_sockets_of_one_phone_are_one_row(shared_daemon: Daemon) -> None:
    """S0.3-12, against the shipped gateway: apps open a node and an operator connection."""
    key = DeviceKey()
    client = {"id": "openclaw-ios", "mode": "ui", "platform": "iOS 18.4", "deviceFamily": "iPhone"}
    async with (
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as admin,
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as early,
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as app,
        ScriptedNode(shared_daemon, key=key, client=IPHONE) as node,
    ):
        await admin.connect()
        with pytest.raises(RpcError) as asked:
            await early.connect(identity=key, client=client)
        await admin.call("device.pair.approve", {"requestId": asked.value.details["requestId"]})
        await app.connect(identity=key, client=client)
        rows = await app.call("system-presence", {})
        (row,) = [row for row in rows if row.get("deviceId") == node.id]
        assert sorted(row["roles"]) == ["node", "operator"]
