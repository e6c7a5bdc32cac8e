"""The canvas: what agents draw for people, remembered and shown on nodes with a screen for it."""

from typing import Any, Final

from gateway.kernel.feature import Feature, House
from gateway.kernel.net.facts import ConnectionClosed
from gateway.nodes.invoke import Invocations
from gateway.nodes.registry import NodeRegistry


async def setup(house: House) -> None:
    """Give agents the tools to draw, and keep nodes up to date."""
    from gateway.agents.house_tools import device_rows
    from gateway.agents.tools import ToolRegistry
    from gateway.canvas.api import CanvasApi
    from gateway.canvas.host import CanvasHost
    from gateway.canvas.passes import Passes
    from gateway.canvas.pushes import check_push
    from gateway.canvas.screens import PUSH, PUSH_JSONL, Screens
    from gateway.canvas.service import Canvas
    from gateway.canvas.surfaces_api import SurfacesApi
    from gateway.canvas.tools import CanvasTools, add_canvas_tools
    from gateway.chat.intake import Intake
    from gateway.chat.service import Chat
    from gateway.devices.service import Devices
    from gateway.kernel.store.blobs import BlobStore

    invocations = house.need(Invocations)
    for command in (PUSH, PUSH_JSONL):
        invocations.check_with(command, check_push)
    db, devices = house.database("state"), house.need(Devices)
    screens = Screens(db, house.need(NodeRegistry), invocations, house.tasks)
    canvas = house.offer(Canvas(db, screens, house.hub, house.clock))
    await screens.start(canvas.messages)

    async def rows() -> list[dict[str, Any]]:
        return device_rows(await devices.known())

    passes = Passes(house.clock)
    addresses = SurfacesApi(passes, house.need(NodeRegistry))
    house.hello.surfaces = addresses.at_hello
    house.bus.subscribe(ConnectionClosed, addresses.on_closed)
    house.rpc.add(addresses)
    CanvasHost(house.home.root / "canvas", passes, house.http).serve()
    tools = CanvasTools(canvas, screens, house.need(BlobStore), rows)
    add_canvas_tools(house.need(ToolRegistry), tools)
    house.rpc.add(CanvasApi(canvas, house.need(Intake), house.need(Chat)))


FEATURE: Final = Feature("canvas", setup=setup, package="gateway.canvas", core=False)
"""Surfaces of A2UI, and the buttons on them."""
