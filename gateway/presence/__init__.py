"""Who is there, and notes that wake agents up."""

import asyncio
import platform
import socket

from gateway.kernel.feature import Feature, House
from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened
from gateway.kernel.net.lan import lan_address
from gateway.presence.api import PresenceApi
from gateway.presence.roster import Roster
from gateway.presence.service import Presence
from gateway.presence.wakes import Wakes
from protocol.nouns.presence import PresenceRow
from protocol.version import RELEASE


async def setup(house: House) -> None:
    """Follow connections, feed the connect snapshot, and answer the presence methods."""
    own = await asyncio.to_thread(_own_row, house.boot_id)
    presence = house.offer(Presence(Roster(own), house.hub, house.clock, house.tasks))
    house.bus.subscribe(ConnectionOpened, presence.on_opened)
    house.bus.subscribe(ConnectionClosed, presence.on_closed)
    house.hello.presence = presence.snapshot
    wakes = house.offer(Wakes(house.database("state"), house.bus, house.hub, house.clock))
    await wakes.load()
    house.rpc.add(PresenceApi(presence, wakes, house.clock))


def _own_row(boot_id: str) -> PresenceRow:
    host = socket.gethostname()
    ip = lan_address()
    where = f"{host} ({ip})" if ip is not None else host
    return PresenceRow(
        ts=0,
        host=host,
        ip=ip,
        version=RELEASE,
        platform=f"{platform.system().lower()} {platform.release()}",
        device_family=platform.system(),
        mode="gateway",
        reason="self",
        instance_id=boot_id,
        text=f"Gateway: {where} · app {RELEASE} · mode gateway · reason self",
    )


FEATURE = Feature("presence", setup=setup, package="gateway.presence", database="state")
