"""Makes what is recorded harmless: bounded, one line each, without secrets."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, cast

import msgspec

from gateway.kernel.log import printable, redactor

NAME_CHARS: Final = 256
"""Of actor and subject: a session key is the longest that comes, mostly far below its limit of 512."""

TEXT_CHARS: Final = 1024
"""Of one text in the details; a whole command is kept with its approval, here it need only be known again."""

MAX_DETAILS_BYTES: Final = 4096
MAX_ITEMS: Final = 64
MAX_DEPTH: Final = 4

Detail: TypeAlias = "str | int | float | bool | Sequence[Detail] | Mapping[str, Detail] | None"
"""What a caller may give."""


def clean(text: str, limit: int = NAME_CHARS) -> str:
    """A name or sentence as it may be recorded."""
    # Cleaned with a margin first, so that no half of a secret is left at the cut.
    return printable(redactor.clean(text[: limit * 2]), limit)


def encoded(details: Mapping[str, Detail] | None) -> str:
    """Details as a JSON object of at most 4096 bytes; what is too much is left out, and that is said."""
    if not details:
        return "{}"
    kept = cast("dict[str, object]", _bounded(details, MAX_DEPTH))
    text = msgspec.json.encode(kept)
    left_out = 0
    while len(text) > MAX_DETAILS_BYTES:
        del kept[max(kept, key=lambda name: len(name) + len(msgspec.json.encode(kept[name])))]
        left_out += 1
        text = msgspec.json.encode({**kept, "leftOut": left_out})
    return text.decode()


def _bounded(value: Detail, depth: int) -> object:
    if isinstance(value, str):
        return clean(value, TEXT_CHARS)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        shown = list(value.items())[:MAX_ITEMS]
        return {printable(name): _bounded(item, depth - 1) for name, item in shown}
    return [_bounded(item, depth - 1) for item in value[:MAX_ITEMS]]
