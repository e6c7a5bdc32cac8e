"""Surfaces this gateway draws by itself: devices and checklists, and what their buttons do.

They are A2UI v0.8, which every generation of canvas draws.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from protocol.a2ui.surfaces import Message, Surface, data_of

CHECKLIST: Final = "checklist"
DEVICES: Final = "devices"

ROOT: Final = "root"

MAX_ITEMS: Final = 100
"""Of one checklist."""


class Item(msgspec.Struct, frozen=True):
    """One thing to do."""

    text: str
    done: bool = False

    @property
    def label(self) -> str:
        """As its button shows it."""
        return f"{'☑' if self.done else '☐'} {self.text}"


def checklist_messages(title: str, items: Sequence[Item]) -> list[Message]:
    """What draws a checklist."""
    parts = [_text("title", {"literalString": title}, "h3"), _text("count", {"path": "/count"}, "caption")]
    rows: list[str] = []
    for number in range(1, len(items) + 1):
        rows.append(f"item-{number}")
        parts += _button(
            f"item-{number}", {"path": f"/items/{number}/label"}, "toggle", {"item": str(number)}
        )
    buttons = [("clear", "Untick all"), ("remove", "Remove ticked")]
    for name, said in buttons:
        parts += _button(name, {"literalString": said}, name, {})
    parts += [
        _box("Row", "buttons", [name for name, _ in buttons]),
        _box("Column", "rows", rows),
        _box("Column", "inside", ["title", "rows", "count", "buttons"]),
        {"id": ROOT, "component": {"Card": {"child": "inside"}}},
    ]
    return _whole(CHECKLIST, parts, checklist_data(title, items))


def checklist_data(title: str, items: Sequence[Item]) -> list[Message]:
    """What brings a checklist that is drawn up to date."""
    done = sum(item.done for item in items)
    rows: list[Message] = [
        {
            "key": str(number),
            "valueMap": [
                {"key": "text", "valueString": item.text},
                {"key": "done", "valueBoolean": item.done},
                {"key": "label", "valueString": item.label},
            ],
        }
        for number, item in enumerate(items, 1)
    ]
    values: list[Message] = [
        {"key": "title", "valueString": title},
        {"key": "count", "valueString": f"{done} of {len(items)} done"},
    ]
    return [_data(CHECKLIST, "/", values), _data(CHECKLIST, "/items", rows)]


def checklist_of(surface: Surface) -> tuple[str, list[Item]]:
    """Title and items of a drawn checklist; no items when it is none."""
    data: Any = data_of(surface)
    rows: Any = data.get("items") or {}
    items = [Item(str(row["text"]), bool(row["done"])) for row in rows.values()]
    return str(data.get("title") or "Checklist"), items


def devices_messages(rows: Sequence[dict[str, Any]]) -> list[Message]:
    """What draws the paired devices; `rows` as the tool `devices_list` gives them."""
    parts = [_text("title", {"literalString": "Devices"}, "h3")]
    names: list[str] = []
    for number, row in enumerate(rows, 1):
        name = f"device-{number}"
        names.append(f"{name}-row")
        state = "connected" if row["connected"] else "not connected"
        parts += [
            _text(f"{name}-name", {"literalString": str(row["name"] or row["id"][:12])}, "h5"),
            _text(f"{name}-state", {"literalString": f"{row['platform'] or 'unknown'}, {state}"}, "caption"),
            _box("Column", f"{name}-row", [f"{name}-name", f"{name}-state"]),
        ]
    if not names:
        names.append("none")
        parts.append(_text("none", {"literalString": "No device is paired yet."}, "body"))
    parts += _button("refresh", {"literalString": "Look again"}, "refresh", {})
    parts += [
        _box("Column", "rows", names),
        _box("Column", "inside", ["title", "rows", "refresh"]),
        {"id": ROOT, "component": {"Card": {"child": "inside"}}},
    ]
    return _whole(DEVICES, parts, [])


def _whole(surface_id: str, parts: list[Message], data: list[Message]) -> list[Message]:
    return [
        # What was drawn under this name before may have had more parts.
        {"deleteSurface": {"surfaceId": surface_id}},
        {"surfaceUpdate": {"surfaceId": surface_id, "components": parts}},
        *data,
        {"beginRendering": {"surfaceId": surface_id, "root": ROOT}},
    ]


def _data(surface_id: str, path: str, contents: list[Message]) -> Message:
    return {"dataModelUpdate": {"surfaceId": surface_id, "path": path, "contents": contents}}


def _text(name: str, said: Message, hint: str) -> Message:
    return {"id": name, "component": {"Text": {"text": said, "usageHint": hint}}}


def _box(kind: str, name: str, children: list[str]) -> Message:
    return {"id": name, "component": {kind: {"children": {"explicitList": children}}}}


def _button(name: str, said: Message, action: str, context: dict[str, str]) -> list[Message]:
    values = [{"key": key, "value": {"literalString": value}} for key, value in context.items()]
    return [
        {
            "id": name,
            "component": {
                "Button": {"child": f"{name}-label", "action": {"name": action, "context": values}}
            },
        },
        _text(f"{name}-label", said, "body"),
    ]
