"""Where programs are."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path


def find_program(name: str, path: str) -> str | None:
    """The first executable file `name` in the absolute folders of `path`; None when there is none.

    Unlike `shutil.which` it never looks into the current folder, and a name with a slash is not searched for.
    """
    if not name or "/" in name or "\0" in name:
        return None
    for folder in path.split(os.pathsep):
        if folder.startswith("/") and is_program(candidate := str(Path(folder) / name)):
            return candidate
    return None


def find_programs(names: Iterable[str], path: str) -> dict[str, str]:
    """Path by name, of those that are there."""
    found = {name: find_program(name, path) for name in names}
    return {name: place for name, place in found.items() if place is not None}


def is_program(path: str) -> bool:
    """Whether `path` is a file this user may execute."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode) and os.access(path, os.X_OK)
    except (OSError, ValueError):
        return False
