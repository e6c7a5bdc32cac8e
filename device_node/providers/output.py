"""What a program writes: passed on as it comes, and kept with its beginning and its end."""

import codecs
from collections.abc import Callable
from typing import Final

MARKER_BYTES: Final = 64
"""Left free for the line that says how much was cut."""


class KeptOutput:
    """One output of a program. Of more than `limit_bytes`, the middle is dropped while it is read."""

    def __init__(self, limit_bytes: int, on_text: Callable[[str], None] | None = None) -> None:
        self._head_bytes = limit_bytes // 2
        self._tail_bytes = limit_bytes - self._head_bytes - MARKER_BYTES
        self._limit_bytes = limit_bytes
        self._data = bytearray()
        self._tail = bytearray()
        self._total = 0
        self._on_text = on_text
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def add(self, chunk: bytes) -> None:
        """Take the next bytes. They are passed on as text until the limit; a flood is not."""
        if self._on_text is not None and self._total < self._limit_bytes and (text := self._decode(chunk)):
            self._on_text(text)
        self._total += len(chunk)
        room = self._limit_bytes - len(self._data)
        self._data += chunk[:room]
        self._tail += chunk
        if len(self._tail) > 2 * self._limit_bytes:
            del self._tail[: -self._tail_bytes]

    @property
    def total_bytes(self) -> int:
        """How much the program wrote."""
        return self._total

    @property
    def raw(self) -> bytes:
        """The first `limit_bytes` as they are."""
        return bytes(self._data)

    def text(self) -> str:
        """All of it, or beginning and end around a line with the number of bytes between."""
        if self._total <= self._limit_bytes:
            return self._data.decode(errors="replace")
        # A character cut in two belongs to the part that is left out.
        head = codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(self._data[: self._head_bytes]))
        tail = _from_character(bytes(self._tail[-self._tail_bytes :])).decode(errors="replace")
        cut = self._total - self._head_bytes - self._tail_bytes
        return f"{head}\n... ({cut} bytes left out) ...\n{tail}"


def _from_character(data: bytes) -> bytes:
    """Without the bytes at the start that continue a character."""
    start = 0
    while start < min(3, len(data)) and data[start] & 0xC0 == 0x80:
        start += 1
    return data[start:]
