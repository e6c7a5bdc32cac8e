"""Work for one node on a real database, without a network and with a clock that the test moves."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened
from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor
from gateway.nodes import store
from gateway.nodes.delivery import Delivery
from gateway.nodes.model import LiveNode, NodeFacts, NodeRecord
from gateway.nodes.policy import CommandPolicy, NodeSettings
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.runs import AuthorisedRuns
from gateway.nodes.work_book import WorkBook
from gateway.nodes.work_model import WorkRow
from gateway.nodes.work_reports import WorkReports
from protocol.capability import Surface
from protocol.connect import ClientInfo, ConnectParams
from protocol.ids import new_id
from protocol.methods.node_reports import NodeInvokeResult
from protocol.scopes import Role
from tests.gateway.devices.world import Listener
from tests.support.clock import FakeClock

NODE_ID = "a" * 64
COMMAND = "system.notify"


class WorkWorld:
    """The parts that keep and deliver work, and one approved node."""

    def __init__(self, db: Database, caps: tuple[str, ...]) -> None:
        self.db = db
        self.caps = caps
        self.clock = FakeClock()
        self.hub = Hub("epoch")
        self.tasks = Supervisor()
        policy = CommandPolicy(NodeSettings)
        self.registry = NodeRegistry(db, policy, self.hub, self.clock, self.tasks)
        self.book = WorkBook(db, self.hub, self.clock)
        self.delivery = Delivery(
            self.book,
            self.registry,
            runs=AuthorisedRuns(self.clock),
            hub=self.hub,
            clock=self.clock,
            tasks=self.tasks,
        )
        self.reports = WorkReports(self.book, self.delivery, self.clock, self.tasks)

    async def submit(self, key: str, **changes: Any) -> str:
        """Enter work; returns its id."""
        row = WorkRow(
            id=f"work-{key}",
            kind="work",
            node_id=NODE_ID,
            actor="test",
            key=key,
            asked=b"",
            command=COMMAND,
            params_json=None,
            created_ms=self.clock.now_ms(),
            expires_ms=self.clock.now_ms() + 86_400_000,
        )
        row = msgspec.structs.replace(row, **changes)
        return (await self.book.change(lambda desk: desk.add(row))).id

    async def connect(self) -> "Line":
        """Let the node come; it knows what it may do when this returns, and nothing was sent to it yet."""
        claims = ConnectParams(
            min_protocol=4,
            max_protocol=4,
            client=ClientInfo(id="node-host", version="1", platform="linux", mode="node"),
            role="node",
            scopes=(),
            caps=self.caps,
            commands=(COMMAND,),
        )
        principal = Principal(
            conn_id=new_id(),
            role=Role.NODE,
            scopes=(),
            client=claims.client,
            device_id=NODE_ID,
            profile_id=None,
            caps=frozenset(self.caps),
            remote_ip="127.0.0.1",
            auth_method="device-token",
        )
        line = Line(self, principal)
        self.hub.join(line.listener)
        self.registry.on_opened(ConnectionOpened(principal, claims))
        await line.live.settled
        return line

    async def states(self) -> dict[str, str]:
        """Every piece and its state."""
        return {row.id: row.state for row in await self.rows()}

    async def rows(self) -> list[WorkRow]:
        """Every piece, in order."""
        ids = await self.book.read(lambda tx: [row[0] for row in tx.execute("SELECT id FROM node_work")])
        return [await self.book.find(work_id) for work_id in ids]

    async def quiet(self) -> None:
        """Wait until nothing more happens without the clock: the tasks left wait for it, or for the node."""
        for _ in range(3):
            await self.db.write(lambda _: None)  # what was started before has written by then
            await self.clock.sleep(0)


class Line:
    """The node's connection."""

    def __init__(self, world: WorkWorld, principal: Principal) -> None:
        self.world = world
        self.principal = principal
        self.listener = Listener(principal)

    @property
    def live(self) -> LiveNode:
        """The node as the gateway sees it."""
        live = self.world.registry.live(NODE_ID)
        assert live is not None
        return live

    @property
    def sent(self) -> list[str]:
        """Ids of what was sent on this connection."""
        return [payload["id"] for payload in self.listener.events("node.invoke.request")]

    async def pull(self) -> list[str]:
        """Fetch what waits."""
        return [action.id for action in await self.world.reports.pull(self.live)]

    async def report(self, work_id: str) -> bool:
        """Say that it is done."""
        call = NodeInvokeResult(id=work_id, node_id=NODE_ID, ok=True, payload_json="1")
        return await self.world.reports.result(self.live, call)

    async def leave(self) -> None:
        """Go away."""
        self.world.hub.leave(self.principal.conn_id)
        self.world.registry.on_closed(ConnectionClosed(self.principal, 1006, ""))
        await self.world.quiet()


@asynccontextmanager
async def work_world(folder: Path, *caps: str) -> AsyncGenerator[WorkWorld]:
    """A world whose node announces these capabilities."""
    tables = [*load_migrations("devices", "gateway.devices"), *load_migrations("nodes", "gateway.nodes")]
    db = await Database.open(folder / "state.db", tables)
    world = WorkWorld(db, caps)
    surface = Surface.of(caps, [COMMAND])
    facts = NodeFacts(client_id="node-host", client_mode="node", version="1", platform="linux")
    record = NodeRecord(node_id=NODE_ID, facts=facts, created_ms=0, approved=surface, approved_ms=0)
    await db.write(lambda tx: store.save(tx, record))
    try:
        yield world
    finally:
        await world.tasks.close(1.0)
        await db.close()
