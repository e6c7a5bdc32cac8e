"""The log on disk: JSON lines in a file of bounded size, older ones beside it.

A position counts all bytes ever written, so that a reader can go on over the end of one file into the next.
The file being written is `homarus.log`; an older one carries the position of its first byte:
`homarus.1048576.log`.
"""

import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.store.files import PRIVATE_FILE

MAX_TAIL_BYTES: Final = 1_000_000
"""Most bytes one `logs.tail` reads, whatever is asked for. Source: bound observed from OpenClaw 2026.9.6."""


class Segment(msgspec.Struct, frozen=True):
    """One file of the log."""

    start: int
    path: Path
    size: int

    @property
    def end(self) -> int:
        """Position after its last byte."""
        return self.start + self.size


class Tail(msgspec.Struct, frozen=True):
    """Part of the log."""

    data: bytes
    """Whole lines."""
    start: int
    end: int
    """Position after the last byte of the log, not of `data`."""
    cut: bool
    """Whether older lines exist that were not read because of the byte bound."""
    lost: bool
    """Whether the asked-for position no longer exists."""


def segments(path: Path) -> list[Segment]:
    """All files of the log at `path`, oldest first; the last one is `path` itself, existing or not."""
    older: list[Segment] = []
    for file in path.parent.glob(f"{path.stem}.*{path.suffix}"):
        middle = file.name[len(path.stem) + 1 : -len(path.suffix)]
        if middle.isdecimal():
            older.append(Segment(int(middle), file, file.stat().st_size))
    older.sort(key=lambda segment: segment.start)
    start = older[-1].end if older else 0
    return [*older, Segment(start, path, path.stat().st_size if path.exists() else 0)]


def read_tail(path: Path, cursor: int | None, max_bytes: int) -> Tail:
    """The last at most `max_bytes` of the log, or what follows `cursor`.

    Raises:
        OSError: when the files cannot be read.
    """
    parts = segments(path)
    oldest, end = parts[0].start, parts[-1].end
    lost = cursor is not None and not oldest <= cursor <= end
    wanted = oldest if cursor is None or lost else cursor
    start = max(wanted, end - min(max(max_bytes, 1), MAX_TAIL_BYTES))
    data = b"".join(_read(part, start) for part in parts if part.end > start)
    if start > oldest and start != cursor:
        # Begin with a whole line.
        data = data[data.find(b"\n") + 1 :] if b"\n" in data else b""
    whole = data[: data.rfind(b"\n") + 1]
    return Tail(whole, start, end, cut=start > wanted, lost=lost)


def _read(part: Segment, start: int) -> bytes:
    with part.path.open("rb") as stream:
        stream.seek(max(start - part.start, 0))
        return stream.read(part.end - max(start, part.start))


class BoundedFileHandler(logging.Handler):
    """Appends each record as one line with one write; sets a full file aside and deletes the oldest.

    A disk that refuses costs log lines, never the gateway: `dropped` counts them.
    """

    def __init__(self, path: Path, max_file_bytes: int, max_files: int) -> None:
        super().__init__()
        self.path = path
        self.max_file_bytes = max_file_bytes
        self.max_files = max_files
        self.dropped = 0
        self._size = 0
        self._file: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        try:
            self._write(line)
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        """Close the file; a later record opens it again."""
        self._release()
        super().close()

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._open()
        if self._size and self._size + len(line) > self.max_file_bytes:
            self._rotate()
        if self._file is not None:
            self._size += os.write(self._file, line)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(self.path, flags, PRIVATE_FILE)
        os.fchmod(self._file, PRIVATE_FILE)
        self._size = os.fstat(self._file).st_size

    def _rotate(self) -> None:
        self._release()
        *older, current = segments(self.path)
        self.path.rename(self.path.with_name(f"{self.path.stem}.{current.start}{self.path.suffix}"))
        for segment in older[: max(len(older) + 2 - self.max_files, 0)]:
            segment.path.unlink(missing_ok=True)
        self._open()

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
