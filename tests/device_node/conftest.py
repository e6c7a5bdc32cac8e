"""A node put together from its real parts, with commands a test controls, over a real socket."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_node.address import Address
from device_node.commands import CommandFailed, CommandTable, Invocation, performs
from device_node.config import PermissionSettings
from device_node.connector import Connector, Session
from device_node.credentials import Credential
from device_node.destination import Destination
from device_node.events import NodeEvents
from device_node.ledger import Ledger
from device_node.pending import PendingWork
from device_node.retry import Backoff
from device_node.service import Service
from device_node.status import NodeStatus
from device_node.supervisor import Supervisor
from device_node.surface import Persona, connect_params
from device_node.tokens import TokenStore
from device_node.workshop import Workshop
from protocol.commands.system import Found, Shown, SystemNotify, SystemWhich
from protocol.connect import ConnectAuth, ConnectParams
from protocol.signature import DeviceIdentity
from tests.support.scripted_gateway import ScriptedGateway, scripted_gateway

TIMEOUT_S = 10.0
LOOK_S = 0.005


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something is so that announces itself to nobody.

    Raises:
        TimeoutError: It did not come to that.
    """
    async with asyncio.timeout(TIMEOUT_S):
        for pause_s in itertools.repeat(LOOK_S):
            if holds():
                return
            await asyncio.sleep(pause_s)


class Errands:
    """`system.notify` changes the world and is never repeated; `system.which` only looks."""

    def __init__(self) -> None:
        self.notified: list[str] = []
        """Titles of the notifications that were shown."""
        self.go = asyncio.Event()
        """Lets what waits go on."""
        self.waiting = 0
        self.called_off = 0

    @performs(SystemNotify)
    async def notify(self, _invocation: Invocation, call: SystemNotify) -> Shown:
        """Show; a title that begins with `slow` waits first."""
        if call.title == "bad":
            raise CommandFailed("NOTIFICATIONS_UNAVAILABLE", "there is no desktop")
        self.notified.append(call.title)
        if call.title.startswith("slow"):
            await self._wait()
        return Shown(ok=True)

    @performs(SystemWhich)
    async def which(self, invocation: Invocation, call: SystemWhich) -> Found:
        """Look; `wait` waits, `talk` says something first, `large` finds a lot, `crash` fails."""
        match call.bins[0]:
            case "wait":
                await self._wait()
            case "talk":
                for text in call.bins[1:]:
                    invocation.progress(text * 10_000)
            case "large":
                return Found(bins={"large": "x" * 2_000_000})
            case "crash":
                raise RuntimeError("a defect")
            case _:
                return Found(bins={call.bins[0]: "/bin/x"})
        return Found(bins={})

    async def _wait(self) -> None:
        self.waiting += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.called_off += 1
            raise


class Quick(Backoff):
    """Does not pause between attempts: a test has no time to lose."""

    def next_s(self) -> float:
        """At once."""
        super().next_s()
        return 0.01


class Desk:
    """One node. `gateway` is the other side."""

    def __init__(self, folder: Path, gateway: ScriptedGateway, fingerprint: str | None = None) -> None:
        """Put it together; the ledger and the tokens under `folder` stay for the next one."""
        self.gateway = gateway
        self.errands = Errands()
        self.identity = DeviceIdentity.generate()
        self.tokens = TokenStore(folder / "tokens.json")
        self.tasks = Supervisor()
        self.ledger = Ledger(folder / "work.db")
        self.refused: dict[str, CommandFailed] = {}
        """What cannot be done now, by command."""
        self.table = CommandTable()
        self.table.add(self.errands)
        self.fingerprint = fingerprint
        self.workshop = Workshop(
            node_id=self.identity.device_id,
            ledger=self.ledger,
            table=lambda: self.table,
            gate=self.refused.get,
            tasks=self.tasks,
        )
        self.events = NodeEvents(self.tasks)
        self.status = NodeStatus(device_id=self.identity.device_id, display_name="", profile="laptop", pid=1)
        self.service = Service(
            status=self.status,
            workshop=self.workshop,
            pending=PendingWork(self.workshop, self.refused.get),
            events=self.events,
            tasks=self.tasks,
        )
        self.connector = Connector(
            identity=self.identity,
            tokens=self.tokens,
            destination=self._destination,
            params=self._params,
            session=Session(self.service.begin, self.service.heard, self.service.end),
            status=self.status,
            backoff=Quick(),
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Desk"]:
        """Connect and stay connected while the block runs."""
        self.ledger.close_interrupted()
        self.tasks.spawn("connect", self.connector.run())
        try:
            yield self
        finally:
            await self.connector.close()
            await self.tasks.close(5)
            self.workshop.close()
            self.ledger.close()

    def _destination(self) -> Destination:
        address = Address.parse(self.gateway.url)
        token = self.tokens.find(str(address))
        credential = Credential("device", token) if token else Credential("shared", "shared-token")
        return Destination(address=address, fingerprint=self.fingerprint, credential=credential)

    def _params(self, auth: ConnectAuth | None) -> ConnectParams:
        person = Persona(
            client_id="node-host", platform="linux", device_family="Linux", display_name="d", instance_id="i"
        )
        return connect_params(person, self.table, PermissionSettings(), auth)


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    """A gateway the test plays."""
    async with scripted_gateway() as gateway:
        yield gateway


@pytest.fixture
async def desk(tmp_path: Path, gateway: ScriptedGateway) -> AsyncIterator[Desk]:
    """A connected node."""
    async with Desk(tmp_path, gateway).running() as desk:
        await gateway.connected()
        yield desk
