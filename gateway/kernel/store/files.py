"""Files and folders that only their owner can read, and that are really on the disk when we say so."""

import os
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
PRIVATE_DIR: Final = 0o700


def private_dir(path: Path) -> None:
    """Make `path` and its missing parents, each 0700 and on the disk. A folder that exists keeps its mode."""
    if path.is_dir():
        return
    private_dir(path.parent)
    path.mkdir(mode=PRIVATE_DIR, exist_ok=True)
    sync_dir(path.parent)


def private_file(path: Path) -> None:
    """Make `path` when it is missing, and give it mode 0600 either way."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        os.fchmod(handle, PRIVATE_FILE)
    finally:
        os.close(handle)


def sync_dir(path: Path) -> None:
    """Put a folder's entries (a new or renamed file) on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_into_place(partial: Path, target: Path) -> None:
    """Put `partial`'s bytes on the disk, then make it `target` in one step, replacing what was there."""
    handle = os.open(partial, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    partial.replace(target)
    sync_dir(target.parent)
