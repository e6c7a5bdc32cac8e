"""Whether the disk and the databases can take what must not be lost."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.health import HealthBoard
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.errors import StoreUnavailable

CHECK_S: Final = 5.0
"""A full or read-only disk must show in health within this time (reliability case R5)."""

LOW_BYTES: Final = 64 * 1024 * 1024
"""Room for a checkpoint of every database and some attachments; below that the next large write may fail."""

CORE_STORES: Final = frozenset({"state", "transcripts"})
"""Without these no message can be accepted; without the others agents only know less."""

DISK: Final = "disk"


class DiskState(msgspec.Struct, frozen=True):
    """What the system says about the disk below a folder."""

    read_only: bool
    free_bytes: int


def disk_state(folder: Path) -> DiskState:
    """Ask the system: two calls.

    Raises:
        OSError: when there is no such folder.
    """
    return DiskState(bool(os.statvfs(folder).f_flag & os.ST_RDONLY), shutil.disk_usage(folder).free)


class DiskWatch:
    """Reports the part `disk`."""

    def __init__(
        self, root: Path, health: HealthBoard, look: Callable[[Path], DiskState] = disk_state
    ) -> None:
        self._root = root
        self._health = health
        self._look = look

    def check(self) -> None:
        """Look once."""
        try:
            disk = self._look(self._root)
        except OSError as error:
            self._fail(f"{self._root} cannot be read: {error.strerror}")
            return
        if disk.read_only:
            self._fail(f"{self._root} is on a read-only disk; nothing new can be kept")
        elif disk.free_bytes < LOW_BYTES:
            self._fail(f"only {disk.free_bytes // 2**20} MiB are left for {self._root}; free some space")
        else:
            self._health.report(DISK, ok=True, core=True)

    def _fail(self, detail: str) -> None:
        self._health.report(DISK, ok=False, detail=detail, core=True)


class StoreWatch:
    """Reports a part `store NAME` for each database."""

    def __init__(self, folder: Path, stores: Mapping[str, Database], health: HealthBoard) -> None:
        self._folder = folder
        self._stores = stores
        self._health = health
        self._files: dict[str, int] = {}

    async def check(self) -> None:
        """Read from each database, and see that its file is still the one that was opened."""
        for name, database in self._stores.items():
            detail = self._moved(name) or await _unreadable(database)
            self._health.report(f"store {name}", not detail, detail, core=name in CORE_STORES)

    def _moved(self, name: str) -> str:
        path = self._folder / f"{name}.db"
        try:
            inode = path.stat().st_ino
        except OSError as error:
            # SQLite goes on writing to a file without a name, and all of it is gone with the process.
            return f"{path.name} is gone ({error.strerror}); restore it and restart the gateway"
        if self._files.setdefault(name, inode) != inode:
            return f"{path.name} was replaced while in use; restart the gateway"
        return ""


async def _unreadable(database: Database) -> str:
    try:
        await database.read(_look)
    except StoreUnavailable as error:
        return error.message
    except sqlite3.Error as error:
        return f"cannot be read: {error}"
    return ""


def _look(tx: Tx) -> None:
    tx.execute("SELECT count(*) FROM sqlite_schema").fetchone()
