"""What is drawn: surfaces, changed by checked messages, and able to be drawn again from nothing."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from protocol.a2ui import schemas
from protocol.a2ui.lines import MAX_NESTING, InvalidA2ui, Line, Version
from protocol.a2ui.shapes import is_list, is_object
from protocol.a2ui.trees import TreeProblem, check_tree, place_in_list, steps_of
from protocol.errors import JsonValue

MAX_SURFACES: Final = 32
"""Of one session or node; OpenClaw keeps as many documents."""

MAX_COMPONENTS: Final = 2000
"""Of one surface; a screen that people can use has some hundred."""

MAX_SURFACE_BYTES: Final = 1024 * 1024
"""Of one surface with its data, as JSON."""

_BUILDING: Final = frozenset({"updateComponents", "surfaceUpdate"})

_TEMPLATE: Final = b'"componentId"'
"""How the template of a list begins in JSON, in either version."""

Message: TypeAlias = dict[str, Any]


class SurfaceProblem(ValueError):
    """Why a message cannot be applied to what is drawn."""


class Surface(msgspec.Struct, kw_only=True):
    """One surface, as its messages left it. Two of equal content are equal."""

    id: str
    version: Version
    begun: Message | None = None
    """Body of the last `createSurface` or `beginRendering`."""
    components: dict[str, Message] = {}
    """By id, in the order in which they came."""
    data: JsonValue = None
    """The data model of v0.9."""
    contents: list[Message] = []
    """The `dataModelUpdate`s of v0.8 that still count."""

    def messages(self) -> list[Message]:
        """What draws it from nothing."""
        parts = list(self.components.values())
        if self.version == "v0.9":
            drawn: list[Message] = [{"createSurface": self.begun}]
            if self.data is not None:
                body = {"surfaceId": self.id, "path": "/", "value": self.data}
                drawn.append({"updateDataModel": body})
            if parts:
                drawn.append({"updateComponents": {"surfaceId": self.id, "components": parts}})
            return [{"version": "v0.9", **message} for message in drawn]
        drawn = [{"surfaceUpdate": {"surfaceId": self.id, "components": parts}}] if parts else []
        drawn += [{"dataModelUpdate": update} for update in self.contents]
        return [*drawn, {"beginRendering": self.begun}] if self.begun is not None else drawn


class Surfaces:
    """Every surface of one place, by id."""

    def __init__(self, surfaces: Iterable[Surface] = ()) -> None:
        self._surfaces = {surface.id: surface for surface in surfaces}

    def __iter__(self) -> Iterator[Surface]:
        return iter(self._surfaces.values())

    @property
    def ids(self) -> list[str]:
        """Of every surface, the oldest first."""
        return list(self._surfaces)

    def find(self, surface_id: str) -> Surface | None:
        """One surface."""
        return self._surfaces.get(surface_id)

    def messages(self) -> list[Message]:
        """What draws all of them from nothing."""
        return [message for surface in self._surfaces.values() for message in surface.messages()]

    def after(self, lines: Sequence[Line]) -> "Surfaces":
        """What is drawn once `lines` are, which are checked whole; this object stays as it is.

        Raises:
            InvalidA2ui: naming the lines that are wrong, or that cannot follow on what is drawn.
            Unavailable: the schemas were not built.
        """
        schemas.check(lines)
        changed = Surfaces()
        changed._surfaces = dict(self._surfaces)
        last: dict[str, int] = {}
        fresh: set[str] = set()
        for line in lines:
            try:
                changed._apply(line, fresh)
            except SurfaceProblem as problem:
                raise InvalidA2ui([(line.number, str(problem))]) from problem
            last[line.surface_id] = line.number
        rebuilt = {line.surface_id for line in lines if line.action in _BUILDING}
        for surface_id, number in last.items():
            changed._check(surface_id, number, rebuilt)
        if len(changed._surfaces) > MAX_SURFACES:
            raise InvalidA2ui([(lines[-1].number, f"more than {MAX_SURFACES} surfaces; delete one first")])
        return changed

    def _apply(self, line: Line, fresh: set[str]) -> None:
        """Apply one message; surfaces outside `fresh` belong to the state before and are copied first."""
        if line.action == "deleteSurface":
            self._surfaces.pop(line.surface_id, None)
            return
        surface = self._surfaces.get(line.surface_id)
        if surface is not None and surface.version != line.version:
            raise SurfaceProblem(
                f"surface {line.surface_id!r} is drawn with {surface.version}; delete it first"
            )
        if line.action == "createSurface" or (surface is None and line.version == "v0.8"):
            surface = Surface(id=line.surface_id, version=line.version)
        elif surface is None:
            raise SurfaceProblem(f"surface {line.surface_id!r} was not created")
        elif line.surface_id not in fresh:
            surface = msgspec.structs.replace(
                surface, components=dict(surface.components), contents=list(surface.contents)
            )
        fresh.add(line.surface_id)
        self._surfaces[line.surface_id] = surface
        _CHANGES[line.action](surface, line.body)

    def _check(self, surface_id: str, number: int, rebuilt: Container[str]) -> None:
        surface = self._surfaces.get(surface_id)
        if surface is None:
            return
        try:
            if len(surface.components) > MAX_COMPONENTS:
                raise TreeProblem(f"more than {MAX_COMPONENTS} components")
            whole = msgspec.json.encode(surface)
            if len(whole) > MAX_SURFACE_BYTES:
                raise TreeProblem(f"more than {MAX_SURFACE_BYTES} bytes")
            # Data alone changes a tree only where a template repeats a part of it.
            if surface_id in rebuilt or _TEMPLATE in whole:
                check_tree(surface.version, surface.components, data_of(surface))
        except TreeProblem as problem:
            raise InvalidA2ui([(number, f"surface {surface_id!r}: {problem}")]) from problem


def data_of(surface: Surface) -> JsonValue:
    """The data model of a surface of either version, as plain JSON."""
    if surface.version == "v0.9":
        return surface.data
    plain: dict[str, Any] = {}
    for update in surface.contents:
        place = plain
        for key in steps_of(update.get("path", "/")):
            inner = place.get(key)
            if not is_object(inner):
                inner = place[key] = {}
            place = inner
        place |= {entry["key"]: _plain(entry) for entry in update["contents"]}
    return plain


def _plain(entry: Message) -> object:
    if (inner := entry.get("valueMap")) is not None:
        return {each["key"]: _plain(each) for each in inner}
    return next((value for key, value in entry.items() if key != "key"), None)


def _begin(surface: Surface, body: Message) -> None:
    surface.begun = body


def _update_components(surface: Surface, body: Message) -> None:
    for component in body["components"]:
        surface.components[component["id"]] = component


def _update_data(surface: Surface, body: Message) -> None:
    """Replace what is at a path; without a value remove it. What was there before is not changed in place."""
    path, value = body.get("path", "/"), body.get("value")
    keys = steps_of(path)
    if len(keys) > MAX_NESTING:
        raise SurfaceProblem(f"updateDataModel.path: deeper than {MAX_NESTING} levels")
    surface.data = _replaced(surface.data, keys, value, remove="value" not in body)


def _replaced(data: Any, keys: Sequence[str], value: JsonValue, *, remove: bool) -> Any:
    if not keys:
        return None if remove else value
    key, rest = keys[0], keys[1:]
    if is_list(data):
        return _replaced_in_list(data, key, rest, value, remove=remove)
    changed: dict[str, Any] = dict(data) if is_object(data) else {}
    if remove and not rest:
        changed.pop(key, None)
    else:
        changed[key] = _replaced(changed.get(key), rest, value, remove=remove)
    return changed


def _replaced_in_list(
    data: list[Any], key: str, rest: Sequence[str], value: JsonValue, *, remove: bool
) -> Any:
    index, changed = place_in_list(key), list(data)
    if index is None or index > len(data):
        raise SurfaceProblem(f"updateDataModel.path: {key!r} is no place in a list of {len(data)}")
    if index == len(data):
        changed.append(None)
    changed[index] = None if remove and not rest else _replaced(changed[index], rest, value, remove=remove)
    return changed


def _update_contents(surface: Surface, body: Message) -> None:
    """Keep an update, and of the earlier ones what it does not replace."""
    if len(steps_of(body.get("path", "/"))) > MAX_NESTING:
        raise SurfaceProblem(f"dataModelUpdate.path: deeper than {MAX_NESTING} levels")
    path = body.get("path", "/").rstrip("/")
    keys = {entry["key"] for entry in body["contents"]}
    kept: list[Message] = []
    for earlier in surface.contents:
        there = earlier.get("path", "/").rstrip("/")
        if there == path:
            left = [entry for entry in earlier["contents"] if entry["key"] not in keys]
            if left:
                kept.append({**earlier, "contents": left})
        elif not there.startswith(f"{path}/") or there[len(path) + 1 :].split("/")[0] not in keys:
            kept.append(earlier)
    surface.contents = [*kept, body]


_CHANGES: Final[dict[str, Callable[[Surface, Message], None]]] = {
    "createSurface": _begin,
    "beginRendering": _begin,
    "updateComponents": _update_components,
    "surfaceUpdate": _update_components,
    "updateDataModel": _update_data,
    "dataModelUpdate": _update_contents,
}
