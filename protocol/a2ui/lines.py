"""A push of A2UI messages, read line by line before anything of it is drawn."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from protocol.a2ui.shapes import is_list, is_object
from protocol.errors import InvalidRequest

Version: TypeAlias = Literal["v0.8", "v0.9"]

V0_8_ACTIONS: Final = frozenset({"beginRendering", "surfaceUpdate", "dataModelUpdate", "deleteSurface"})
V0_9_ACTIONS: Final = frozenset({"createSurface", "updateComponents", "updateDataModel", "deleteSurface"})

MAX_LINES: Final = 4096
"""Messages of one push. Source: limit of OpenClaw's Windows app."""

MAX_CHARS: Final = 4 * 1024 * 1024
"""Of one push. Source: as above."""

MAX_NESTING: Final = 48
"""Of the JSON of one message. The deepest official example has 14."""

MAX_SURFACE_ID_CHARS: Final = 256

MAX_PROBLEMS: Final = 10
"""Lines that are named; who sent more wrong ones corrects these first."""

MAX_PROBLEM_CHARS: Final = 300
"""Of what is said about a line; parts of it come from the sender."""


class InvalidA2ui(InvalidRequest):
    """A push that is not drawn; the message names each wrong line."""

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        named = problems[:MAX_PROBLEMS]
        lines = [f"- line {number}: {text[:MAX_PROBLEM_CHARS]}" for number, text in named]
        if len(problems) > len(named):
            lines.append(f"- and {len(problems) - len(named)} more lines")
        super().__init__("\n".join(["Invalid A2UI JSONL:", *lines]), {"lines": [n for n, _ in named]})


class Line(msgspec.Struct, frozen=True):
    """One message."""

    number: int
    """Of its line, from 1."""
    version: Version
    action: str
    surface_id: str
    body: dict[str, Any]
    """What the action carries."""
    message: dict[str, Any]
    """The whole of it."""


def read_jsonl(text: str) -> list[Line]:
    """The messages of a text with one message a line; empty lines count and say nothing.

    Raises:
        InvalidA2ui: naming each line that is no message.
    """
    if len(text) > MAX_CHARS:
        raise InvalidA2ui([(1, f"the push is longer than {MAX_CHARS} characters")])
    rows = text.split("\n", MAX_LINES)
    if len(rows) > MAX_LINES:
        raise InvalidA2ui([(MAX_LINES + 1, f"a push has at most {MAX_LINES} lines")])
    return _read((number, row) for number, row in enumerate(rows, 1) if row.strip())


def read_messages(messages: Sequence[bytes | msgspec.Raw]) -> list[Line]:
    """The messages of a list, each as JSON; they count as lines.

    Raises:
        InvalidA2ui: naming each one that is no message.
    """
    if len(messages) > MAX_LINES:
        raise InvalidA2ui([(MAX_LINES + 1, f"a push has at most {MAX_LINES} messages")])
    if sum(map(len, map(memoryview, messages))) > MAX_CHARS:
        raise InvalidA2ui([(1, f"the push is longer than {MAX_CHARS} characters")])
    return _read(enumerate(messages, 1))


def _read(rows: Iterable[tuple[int, str | bytes | msgspec.Raw]]) -> list[Line]:
    lines: list[Line] = []
    problems: list[tuple[int, str]] = []
    for number, row in rows:
        try:
            lines.append(_line(number, row))
        except ValueError as error:
            problems.append((number, str(error)))
    problems += _mixed(lines)
    if not lines and not problems:
        problems.append((1, "expected at least one message"))
    if problems:
        raise InvalidA2ui(problems)
    return lines


def _line(number: int, row: str | bytes | msgspec.Raw) -> Line:
    try:
        message: Any = msgspec.json.decode(row)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(f"no JSON: {error}") from error
    if not is_object(message):
        raise ValueError("expected a JSON object")
    if nesting(message) > MAX_NESTING:
        raise ValueError(f"nested deeper than {MAX_NESTING} levels")
    version = _version(message)
    actions = [name for name in message if name != "version"]
    known = V0_8_ACTIONS if version == "v0.8" else V0_9_ACTIONS
    if len(actions) != 1 or actions[0] not in known:
        raise ValueError(f"expected exactly one {version} action key: {', '.join(sorted(known))}")
    return _known(number, version, actions[0], message)


def _known(number: int, version: Version, action: str, message: dict[str, Any]) -> Line:
    body = message[action]
    surface_id = body.get("surfaceId") if is_object(body) else None
    if not isinstance(surface_id, str) or not 0 < len(surface_id) <= MAX_SURFACE_ID_CHARS:
        raise ValueError(f"{action}.surfaceId: expected 1 to {MAX_SURFACE_ID_CHARS} characters")
    return Line(number, version, action, surface_id, body, message)


def _version(message: dict[str, Any]) -> Version:
    if "version" not in message:
        return "v0.8"
    if message["version"] != "v0.9":
        raise ValueError('version: only "v0.9" is known; messages of v0.8 carry none')
    return "v0.9"


def _mixed(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    for line in lines:
        if line.version != lines[0].version:
            yield (
                line.number,
                f"{line.version} after {lines[0].version} of line {lines[0].number}: do not mix versions",
            )


def nesting(value: object) -> int:
    """How deep lists and objects are nested; 0 for a plain value."""
    deepest = 0
    level: list[object] = [value]
    while any(is_object(one) or is_list(one) for one in level):
        deepest += 1
        level = [inner for one in level for inner in _inner(one)]
    return deepest


def _inner(value: object) -> Iterable[object]:
    if is_object(value):
        return value.values()
    return value if is_list(value) else ()
