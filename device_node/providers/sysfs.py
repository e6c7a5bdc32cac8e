"""The small files in which Linux tells about itself. Every one of them may be missing, odd or unreadable."""

from collections.abc import Iterator
from pathlib import Path


def text(path: Path) -> str | None:
    """Content without surrounding space and NUL; None when it tells nothing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \t\r\n") or None
    except OSError:
        return None


def number(path: Path) -> int | None:
    """Content as a whole number; None when it is none."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def entries(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Entries by name; none when there is no such folder."""
    yield from sorted(folder.glob(pattern))


def lines(path: Path) -> list[str]:
    """Its lines; none when it cannot be read."""
    return (text(path) or "").splitlines()
