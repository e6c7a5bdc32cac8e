"""The device registry on a real database, without a network: connects are handed to admission directly."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.devices.admission import DeviceAdmission
from gateway.devices.enrolment import Enrolment
from gateway.devices.epoch import AuthEpoch
from gateway.devices.lockouts import Lockouts
from gateway.devices.mint import TokenMint
from gateway.devices.notices import Notices
from gateway.devices.repair import Repair
from gateway.devices.service import Devices
from gateway.devices.setup_codes import SetupCodes
from gateway.devices.tombstones import Tombstones
from gateway.kernel.bus import Bus
from gateway.kernel.config.gateway import AuthSettings, GatewaySettings
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.outbox import Pending
from gateway.kernel.ports import Admitted
from gateway.kernel.rpc.context import PeerFacts, Principal
from gateway.kernel.secret import Secret
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor
from protocol.connect import ClientInfo, ConnectAuth, ConnectParams
from protocol.ids import new_id
from protocol.scopes import ALL_SCOPES, Role
from protocol.signature import DeviceIdentity
from tests.support.audit import RecordedAudit
from tests.support.clock import FakeClock

SECRET = "the-shared-secret-of-this-test"
OWN_PAGE = "http://127.0.0.1:18789"


class Listener:
    """An operator's connection at the hub's seam: remembers the events it gets and how it was closed."""

    resumable = False
    lagging = False

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.frames: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None

    def deliver(self, pending: Pending) -> None:
        self.frames.append(msgspec.json.decode(pending.event.frame(None, None)))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [frame["payload"] for frame in self.frames if frame["event"] == name]


def local(origin: str | None = None) -> PeerFacts:
    """A program, or a page, on the gateway's machine."""
    return PeerFacts(
        conn_id=new_id(),
        remote_ip="127.0.0.1",
        direct_loopback=True,
        origin=origin,
        own_origin=origin == OWN_PAGE,
        secure=False,
        path="/",
    )


def remote(ip: str = "203.0.113.5", origin: str | None = None) -> PeerFacts:
    """Somebody elsewhere."""
    return PeerFacts(
        conn_id=new_id(),
        remote_ip=ip,
        direct_loopback=False,
        origin=origin,
        own_origin=False,
        secure=False,
        path="/",
    )


def params(
    client: tuple[str, str] = ("openclaw-tui", "ui"),
    *,
    device: DeviceIdentity | None = None,
    role: str = "operator",
    scopes: Sequence[str] = ("operator.read",),
    auth: ConnectAuth | None = None,
    platform: str = "linux",
    family: str | None = "Linux",
    name: str | None = None,
) -> ConnectParams:
    """A connect request with the shared secret, as it looks after the handshake's checks."""
    info = msgspec.convert(
        {
            "id": client[0],
            "mode": client[1],
            "version": "1",
            "platform": platform,
            "deviceFamily": family,
            "displayName": name,
        },
        ClientInfo,
    )
    request = ConnectParams(
        min_protocol=4,
        max_protocol=4,
        client=info,
        role=role,
        scopes=tuple(scopes),
        auth=auth if auth is not None else ConnectAuth(token=SECRET),
    )
    if device is None:
        return request
    return msgspec.structs.replace(request, device=device.prove(request, "nonce", 0))


def node(device: DeviceIdentity, **changes: Any) -> ConnectParams:
    """A node host's connect request."""
    return params(("node-host", "node"), device=device, role="node", scopes=(), **changes)


class World:
    """Every part of `gateway.devices`, wired as `setup` does."""

    def __init__(self, db: Database, folder: Path, auth: AuthSettings | None = None) -> None:
        self.db = db
        self.folder = folder
        self.clock = FakeClock()
        self.audit = RecordedAudit()
        self.hub = Hub("epoch")
        self.tasks = Supervisor()
        self.settings = GatewaySettings(auth=auth or AuthSettings(token=Secret(SECRET)))
        self.mint = TokenMint.load(folder)
        self.lockouts = Lockouts(db, self.clock, lambda: self.settings.limits, self.audit)
        self.notices = Notices(self.hub, self.clock, self.audit)
        self.epoch = AuthEpoch(self.hub)
        self.tombstones = Tombstones(folder)
        self.devices = Devices(
            db=db,
            mint=self.mint,
            epoch=self.epoch,
            tombstones=self.tombstones,
            notices=self.notices,
            bus=Bus(),
            clock=self.clock,
            tasks=self.tasks,
        )
        self.admission = DeviceAdmission(
            db=db,
            mint=self.mint,
            enrolment=Enrolment(db, self.mint, self.epoch, self.notices, self.clock),
            lockouts=self.lockouts,
            auth=lambda: self.settings.auth,
            clock=self.clock,
            tasks=self.tasks,
        )
        self.codes = SetupCodes(db, self.mint, lambda: self.settings, lambda: None, self.clock)
        self.repair = Repair(db, self.devices, self.lockouts, self.codes, self.clock)

    async def connect(self, request: ConnectParams, peer: PeerFacts | None = None) -> Admitted:
        """Admit a request."""
        return await self.admission.admit(request, peer or local())

    def join(self, principal: Principal) -> Listener:
        """Open a connection for an admitted caller."""
        listener = Listener(principal)
        self.hub.join(listener)
        return listener

    def operator(self, *scopes: str, device_id: str | None = None, method: str = "token") -> Principal:
        """A caller with scopes, all of them by default."""
        return Principal(
            conn_id=new_id(),
            role=Role.OPERATOR,
            scopes=tuple(scope for scope in ALL_SCOPES if not scopes or scope.value in scopes),
            client=ClientInfo(id="cli", version="1", platform="linux", mode="cli"),
            device_id=device_id,
            profile_id=None,
            caps=frozenset(),
            remote_ip="127.0.0.1",
            auth_method=method,
        )

    async def reopened(self) -> "World":
        """The same state after a restart."""
        await self.tasks.close(1.0)
        world = World(self.db, self.folder, self.settings.auth)
        world.clock = self.clock
        world.lockouts = Lockouts(self.db, self.clock, lambda: world.settings.limits, world.audit)
        await world.lockouts.load()
        await world.devices.start()
        return world


@asynccontextmanager
async def opened(folder: Path, auth: AuthSettings | None = None) -> AsyncGenerator[World]:
    """A world of its own under `folder`."""
    db = await Database.open(
        folder / "state.db", load_migrations("devices", "gateway.devices"), durable=False
    )
    world = World(db, folder, auth)
    try:
        yield world
    finally:
        await world.tasks.close(1.0)
        await db.close()
