"""Text of another program, made safe for a terminal or a log."""

import re
from typing import Final

_TERMINAL_CODES: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What a terminal obeys instead of showing: control characters, and those that reorder text."""


def printable(text: str, limit: int = 200) -> str:
    """One line of at most `limit` characters, with everything a terminal would obey spelled out."""
    line = _TERMINAL_CODES.sub(lambda match: ascii(match[0])[1:-1], " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"
