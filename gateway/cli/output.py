"""What commands print: escaped text, aligned tables, raw JSON, a little colour."""

import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

_TERMINAL_CODES: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What a terminal obeys instead of showing: control characters, and those that reorder text. Tabs and line
ends are let through here; zero-width joiners hold emoji together.
"""

_WIDE: Final = frozenset("WF")
"""East Asian width classes that take two columns."""


def escaped(text: str) -> str:
    r"""Text of a peer, lines kept, with everything a terminal would obey spelled out as `\x1b`."""
    return _TERMINAL_CODES.sub(lambda match: ascii(match[0])[1:-1], text)


def escaped_json(text: str) -> str:
    """JSON text that parses to the same value and holds nothing a terminal would obey."""
    return _TERMINAL_CODES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str, limit: int = 120) -> str:
    """Text of a peer for a table cell or a sentence: one escaped line of at most `limit` characters."""
    line = escaped(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def print_json(value: object) -> None:
    """A result as indented JSON that is safe to show; it parses to exactly `value`."""
    print(escaped_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell. Cells are escaped here."""
    lines = [tuple(headers), *(tuple(one_line(cell) for cell in row) for row in rows)]
    widths = [max(columns(line[place]) for line in lines) for place in range(len(headers))]
    for number, line in enumerate(lines):
        cells = [cell + " " * (width - columns(cell)) for cell, width in zip(line, widths, strict=True)]
        text = "  ".join(cells).rstrip()
        print(bold(text) if number == 0 else text)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """`name  value` lines, values aligned and escaped."""
    shown = list(fields)
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {one_line(value, 500)}")


def columns(text: str) -> int:
    """How many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in _WIDE else 1
        for char in text
    )


def age(since_ms: int | None) -> str:
    """How long ago, in one unit: `12s ago`; `-` for never."""
    if since_ms is None:
        return "-"
    return f"{duration(int(time.time() * 1000) - since_ms)} ago"


def duration(length_ms: float) -> str:
    """A length of time in its largest whole unit."""
    seconds = max(0, int(length_ms / 1000))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def size_text(size_bytes: float) -> str:
    """A number of bytes for people: `1.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def bold(text: str) -> str:
    """Emphasised where colours are wanted."""
    return _styled("1", text)


def dim(text: str) -> str:
    """Played down where colours are wanted."""
    return _styled("2", text)


def red(text: str) -> str:
    """For what is wrong."""
    return _styled("31", text)


def yellow(text: str) -> str:
    """For what deserves attention."""
    return _styled("33", text)


def green(text: str) -> str:
    """For what is in order."""
    return _styled("32", text)


def _styled(code: str, text: str) -> str:
    """Only on a terminal, and not against the reader's wish. Source: https://no-color.org."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{code}m{text}\x1b[0m"
