"""Components as the tree a renderer makes of them: without an end, or too large, it is refused before."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from protocol.a2ui.lines import Version
from protocol.a2ui.shapes import is_list, is_object

MAX_DRAWN: Final = 20_000
"""Elements a surface may come to when templates and shared components are counted as often as they are drawn.
"""

MAX_DEPTH: Final = 64
"""Components inside each other."""

MAX_INDEX_CHARS: Final = 9
"""Of a place in a list; no push holds more entries than that can number."""

Edge = tuple[str, int]
"""A child's id, and how often it is drawn there."""

_SINGLE: Final = ("child", "trigger", "content")
"""Properties of v0.9 components that name another one."""


class TreeProblem(ValueError):
    """Why a renderer could not draw it."""


def check_tree(version: Version, components: Mapping[str, dict[str, Any]], data: object) -> None:
    """Follow every component down to its leaves, each once.

    Raises:
        TreeProblem: when one contains itself, or there are too many of them or too deep.
    """
    counts = Counter(data)
    find = _edges_v0_8(components, counts) if version == "v0.8" else _edges_v0_9(counts)
    drawn: dict[str, int] = {}
    depth: dict[str, int] = {}
    for start in components:
        _measure(start, components, find, drawn, depth)


def _measure(
    start: str,
    components: Mapping[str, dict[str, Any]],
    find: Callable[[dict[str, Any]], Iterator[Edge]],
    drawn: dict[str, int],
    depth: dict[str, int],
) -> None:
    """Depth first without recursion: `drawn` and `depth` of everything below `start`."""
    if start in drawn:
        return
    open_ids: dict[str, None] = {}
    stack: list[tuple[str, list[Edge]]] = []

    def enter(name: str) -> None:
        open_ids[name] = None
        stack.append((name, [edge for edge in find(components[name]) if edge[0] in components]))

    enter(start)
    while stack:
        name, edges = stack[-1]
        waiting = next((child for child, _ in edges if child not in drawn), None)
        if waiting is not None:
            if waiting in open_ids:
                raise TreeProblem(f"component {waiting!r} contains itself")
            enter(waiting)
            continue
        stack.pop()
        del open_ids[name]
        drawn[name] = 1 + sum(times * drawn[child] for child, times in edges)
        depth[name] = 1 + max((depth[child] for child, _ in edges), default=0)
        if depth[name] > MAX_DEPTH:
            raise TreeProblem(f"component {name!r} is nested deeper than {MAX_DEPTH} levels")
        if drawn[name] > MAX_DRAWN:
            raise TreeProblem(f"component {name!r} would draw more than {MAX_DRAWN} elements")


class Counter:
    """How long the lists of a data model are."""

    def __init__(self, data: object) -> None:
        self._data = data
        self._longest: dict[str, int] | None = None

    def length(self, path: object) -> int:
        """Entries at an absolute path; of a relative one the most that any list of that name has."""
        if not isinstance(path, str):
            return 0
        if path.startswith("/"):
            return _size(value_at(self._data, path))
        if self._longest is None:
            self._longest = {}
            _collect(self._data, self._longest)
        return self._longest.get(path.rpartition("/")[2], 0)


def value_at(data: object, path: str) -> object:
    """What a JSON pointer points at; None where nothing is. Source: RFC 6901."""
    value: object = data
    for key in steps_of(path):
        if is_object(value):
            value = value.get(key)
        elif is_list(value):
            index = place_in_list(key)
            value = value[index] if index is not None and index < len(value) else None
        elif key:
            return None
    return value


def steps_of(path: str) -> list[str]:
    """The keys of a JSON pointer; none for `/`, which is the whole in A2UI."""
    if path in {"", "/"}:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def place_in_list(key: str) -> int | None:
    """A key of a JSON pointer as an index; None when it is none."""
    return int(key) if key.isascii() and key.isdecimal() and len(key) < MAX_INDEX_CHARS else None


def _size(value: object) -> int:
    return len(value) if is_object(value) or is_list(value) else 0


def _collect(data: object, longest: dict[str, int]) -> None:
    level: list[object] = [data]
    while level:
        value = level.pop()
        if is_list(value):
            level += value
        elif is_object(value):
            for key, inner in value.items():
                longest[key] = max(longest.get(key, 0), _size(inner))
                level.append(inner)


def _edges_v0_9(counts: Counter) -> Callable[[dict[str, Any]], Iterator[Edge]]:
    def find(component: dict[str, Any]) -> Iterator[Edge]:
        for name in _SINGLE:
            if isinstance(child := component.get(name), str):
                yield child, 1
        children = component.get("children")
        if is_list(children):
            yield from ((child, 1) for child in children if isinstance(child, str))
        elif is_object(children) and isinstance(child := children.get("componentId"), str):
            yield child, counts.length(children.get("path"))
        for tab in component.get("tabs") or ():
            if is_object(tab) and isinstance(child := tab.get("child"), str):
                yield child, 1

    return find


def _edges_v0_8(
    components: Mapping[str, dict[str, Any]], counts: Counter
) -> Callable[[dict[str, Any]], Iterator[Edge]]:
    """The renderer of v0.8 draws a component wherever a text equals its id, except in actions."""

    def find(component: dict[str, Any]) -> Iterator[Edge]:
        level: list[object] = [component.get("component")]
        while level:
            value = level.pop()
            if isinstance(value, str) and value in components:
                yield value, 1
            elif is_list(value):
                level += value
            elif is_object(value):
                template = value.get("template")
                if is_object(template) and isinstance(child := template.get("componentId"), str):
                    yield child, counts.length(template.get("dataBinding"))
                level += [inner for key, inner in value.items() if key not in {"action", "template"}]

    return find
