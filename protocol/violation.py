"""What is wrong with a message, in the words OpenClaw's validator uses for the same fault.

    invalid connect params: at /client/id: must be equal to one of the allowed values

Clients show these texts; some match on them. Source: answers recorded from OpenClaw 2026.9.6.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec import MsgspecError

from protocol.errors import InvalidRequest

_TYPES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
"""msgspec's type names that differ from JSON Schema's."""

_Phrase = Callable[[re.Match[str]], str]

_PHRASES: Final[tuple[tuple[re.Pattern[str], _Phrase], ...]] = (
    (re.compile(r"Object missing required field `(.+)`"), lambda m: f"must have required property '{m[1]}'"),
    (re.compile(r"Object contains unknown field `(.+)`"), lambda m: f"unexpected property '{m[1]}'"),
    (re.compile(r"Invalid enum value .*"), lambda _: "must be equal to one of the allowed values"),
    (
        re.compile(r"Expected `(\w+)` of length (>=|<=) (\d+)"),
        lambda m: f"must not have {'fewer' if m[2] == '>=' else 'more'} than {m[3]} {_unit(m[1])}",
    ),
    (re.compile(r"Expected `\w+` (>=|<=|>|<) (\S+)"), lambda m: f"must be {m[1]} {m[2]}"),
    (
        re.compile(r"Expected `str` matching regex '(.*)'"),
        lambda m: f'must match pattern "{m[1]}"',
    ),
    (re.compile(r"Expected `([^`]+)`(?:, got .*)?"), lambda m: f"must be {_type_names(m[1])}"),
)


def violation(subject: str, error: MsgspecError | RecursionError | UnicodeDecodeError) -> InvalidRequest:
    """The typed error for a message that could not be decoded.

    Args:
        subject: What was decoded, for example `connect params`.
        error: What the decoder raised.
    """
    if isinstance(error, RecursionError):
        return InvalidRequest(f"invalid {subject}: nested too deeply")
    text, _, where = str(error).partition(" - at `$")
    path = re.sub(r"[.\[]", "/", where.rstrip("`").replace("[...]", "[*]").replace("]", ""))
    place = f"at {path}: " if path else ""
    return InvalidRequest(f"invalid {subject}: {place}{_phrase(text)}", {"field": path} if path else None)


def _phrase(text: str) -> str:
    for pattern, phrase in _PHRASES:
        match = pattern.fullmatch(text)
        if match is not None:
            return phrase(match)
    return text


def _type_names(names: str) -> str:
    return " or ".join(_TYPES.get(name, name) for name in names.split(" | "))


def _unit(kind: str) -> str:
    return {"str": "characters", "array": "items", "object": "properties"}.get(kind, "elements")
