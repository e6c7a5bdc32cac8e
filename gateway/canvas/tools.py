"""Tools with which agents draw."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from gateway.canvas import house
from gateway.canvas.house import Item
from gateway.canvas.screens import Screens
from gateway.canvas.service import Canvas
from gateway.kernel.store.blobs import BlobStore
from protocol.a2ui.lines import read_jsonl
from protocol.a2ui.surfaces import Message, Surface
from protocol.commands.canvas import CanvasPicture, CanvasPresent, CanvasSnapshot
from protocol.errors import InvalidRequest, Unavailable
from protocol.scopes import Scope

MAX_JSONL_CHARS: Final = 262_144
"""Of one push by a model. Source: OpenClaw's limit for a widget."""

Node = Annotated[str, Meta(description="Name or id of a device; empty: the one in use.", max_length=256)]
Devices = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Rows as the tool `devices_list` gives them."""


class CanvasArgs(msgspec.Struct, forbid_unknown_fields=True):
    """What to do on the canvas."""

    action: Literal["present", "push", "snapshot", "reset"]
    jsonl: Annotated[
        str,
        Meta(
            description="For push: A2UI messages, one JSON object a line, all v0.8 or all v0.9.",
            max_length=MAX_JSONL_CHARS,
        ),
    ] = ""
    url: Annotated[str, Meta(description="For present: a web page; empty: the canvas.", max_length=8192)] = ""
    node: Node = ""


class ChecklistArgs(msgspec.Struct, forbid_unknown_fields=True):
    """A checklist to show."""

    items: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=200)]],
        Meta(min_length=1, max_length=house.MAX_ITEMS),
    ]
    title: Annotated[str, Meta(max_length=80)] = ""
    node: Node = ""


class ShowArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Where to show it."""

    node: Node = ""


class ActionArgs(msgspec.Struct, forbid_unknown_fields=True):
    """What a person did on a surface."""

    action: Annotated[str, Meta(max_length=256)]
    surface: Annotated[str, Meta(max_length=256)]
    component: Annotated[str, Meta(max_length=256)] = ""
    context: Annotated[str, Meta(description="JSON object.", max_length=20_000)] = "{}"


class CanvasTools:
    """Draws for the session it is used in."""

    def __init__(self, canvas: Canvas, screens: Screens, blobs: BlobStore, devices: Devices) -> None:
        self._canvas = canvas
        self._screens = screens
        self._blobs = blobs
        self._devices = devices

    async def canvas(self, context: ToolContext, args: CanvasArgs) -> Mapping[str, object]:
        """Do one of the four."""
        key, node = context.session_key, args.node or None
        match args.action:
            case "push":
                if not args.jsonl.strip():
                    raise InvalidRequest("jsonl: expected A2UI messages", {"field": "jsonl"})
                after, shown_on = await self._canvas.draw(
                    key, len(args.jsonl), lambda: read_jsonl(args.jsonl), node
                )
                return {"surfaces": after.ids, "shownOn": shown_on}
            case "reset":
                return {"surfaces": [], "shownOn": await self._canvas.reset(key, node)}
            case "present":
                return await self._present(key, args)
            case "snapshot":
                return await self._snapshot(key, node)

    async def checklist(self, context: ToolContext, args: ChecklistArgs) -> Mapping[str, object]:
        """Draw a checklist."""
        title = args.title or "Checklist"
        messages = house.checklist_messages(title, [Item(text) for text in args.items])
        return {
            "title": title,
            "items": args.items,
            "shownOn": await self._draw(context, messages, args.node),
        }

    async def devices(self, context: ToolContext, args: ShowArgs) -> Mapping[str, object]:
        """Draw the paired devices."""
        rows = await self._devices()
        shown_on = await self._draw(context, house.devices_messages(rows), args.node)
        return {"devices": rows, "total": len(rows), "shownOn": shown_on}

    async def acted(self, context: ToolContext, args: ActionArgs) -> Mapping[str, object]:
        """Do what the buttons of our own surfaces say."""
        surface = (await self._canvas.surfaces(context.session_key)).find(args.surface)
        if surface is None:
            raise InvalidRequest(f"this conversation has drawn no surface {args.surface!r}")
        if args.surface == house.DEVICES:
            await self._draw(context, house.devices_messages(await self._devices()))
            return {"said": "The devices are up to date."}
        if args.surface == house.CHECKLIST:
            return {"said": await self._tick(context, surface, args)}
        raise InvalidRequest(
            f"nobody here knows what {args.action!r} on {args.surface!r} means; it needs a model"
        )

    async def _tick(self, context: ToolContext, surface: Surface, args: ActionArgs) -> str:
        title, items = house.checklist_of(surface)
        if args.action == "toggle":
            index = _number(args.context, len(items))
            items[index] = Item(items[index].text, done=not items[index].done)
            said = items[index].label
        elif args.action == "clear":
            items = [Item(item.text) for item in items]
            said = "Nothing is ticked."
        elif args.action == "remove":
            left = [item for item in items if not item.done]
            await self._draw(context, house.checklist_messages(title, left))
            return f"Removed {len(items) - len(left)}."
        else:
            raise InvalidRequest(f"a checklist has no action {args.action!r}", {"field": "action"})
        await self._draw(context, house.checklist_data(title, items))
        done = sum(item.done for item in items)
        return f"{said} ({done} of {len(items)} done)"

    async def _draw(self, context: ToolContext, messages: list[Message], node: str = "") -> str | None:
        jsonl = "\n".join(msgspec.json.encode(message).decode() for message in messages)
        _, shown_on = await self._canvas.draw(
            context.session_key, len(jsonl), lambda: read_jsonl(jsonl), node or None
        )
        return shown_on

    async def _present(self, session_key: str, args: CanvasArgs) -> Mapping[str, object]:
        live = self._screens.target(session_key, args.node or None)
        await self._screens.ask(
            live, CanvasPresent.wire_name, CanvasPresent(url=args.url or None), session_key
        )
        return {"shownOn": live.facts.display_name or live.node_id[:12]}

    async def _snapshot(self, session_key: str, node: str | None) -> Mapping[str, object]:
        live = self._screens.target(session_key, node)
        raw = await self._screens.ask(live, CanvasSnapshot.wire_name, CanvasSnapshot(), session_key)
        try:
            answer = msgspec.json.decode(raw, type=CanvasPicture)
            picture = base64.b64decode(answer.base64, validate=True)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unavailable(f"the device sent no picture: {error}") from error
        blob = await self._blobs.put(picture)
        return {"format": answer.format, "bytes": len(picture), "sha256": blob.sha256}


def _number(context: str, most: int) -> int:
    """Which item, from its button."""
    try:
        number = int(msgspec.json.decode(context, type=dict[str, str])["item"])
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise InvalidRequest("context.item: expected the number of an item", {"field": "context"}) from error
    if not 1 <= number <= most:
        raise InvalidRequest(f"context.item: there are {most} items", {"field": "context"})
    return number - 1


def add_canvas_tools(registry: ToolRegistry, tools: CanvasTools) -> None:
    """Fill the registry with the tools of this module."""
    registry.add(
        Tool(
            name="canvas",
            title="Canvas",
            description="Draw on a device: push A2UI messages, present a page, take a snapshot, or reset.",
            params=CanvasArgs,
            run=tools.canvas,
            needs=Scope.WRITE,
            group="canvas",
        )
    )
    registry.add(
        Tool(
            name="show_checklist",
            title="Show a checklist",
            description="Draw a checklist to tap; ticking updates it by itself.",
            params=ChecklistArgs,
            run=tools.checklist,
            needs=Scope.WRITE,
            group="canvas",
        )
    )
    _add_reactions(registry, tools)


def _add_reactions(registry: ToolRegistry, tools: CanvasTools) -> None:
    registry.add(
        Tool(
            name="show_devices",
            title="Show the devices",
            description="Draw the paired devices on a canvas.",
            params=ShowArgs,
            run=tools.devices,
            needs=Scope.WRITE,
            group="canvas",
        )
    )
    registry.add(
        Tool(
            name="canvas_action",
            title="Act on a surface",
            description="Carry out a CANVAS_A2UI message on a checklist or list of devices drawn before.",
            params=ActionArgs,
            run=tools.acted,
            needs=Scope.WRITE,
            group="canvas",
        )
    )
