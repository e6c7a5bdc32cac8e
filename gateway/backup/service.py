"""Making a backup while everything goes on."""

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from gateway.backup import archive, store
from gateway.kernel.clock import Clock
from gateway.kernel.feature import DatabaseName
from gateway.kernel.home import Home
from gateway.kernel.store.db import Database
from gateway.kernel.store.files import move_into_place, private_dir, private_file
from protocol.errors import Overloaded, Unavailable
from protocol.ids import new_id
from protocol.methods.backup import BackupMade, DatabaseStatus
from protocol.version import RELEASE

FOLDER: Final = "backups"
"""In the home; whoever asked for a backup moves it away from there."""

STAGING: Final = ".making-"

LEFT_OUT: Final = frozenset({FOLDER, "logs", "gateway.sock", "gateway.lock"})
"""Names in the home that mean nothing elsewhere, or would only make backups grow."""

BEFORE_UPGRADE: Final = ".before-"
"""In the names of copies that migrations keep of older databases."""

logger = logging.getLogger(__name__)


class BackupRunning(Overloaded):
    """One backup at a time: two would only slow each other down."""


class Staged(msgspec.Struct):
    """Files put together for one backup."""

    folder: Path
    skipped: list[str]


class Backups:
    """Makes backups of one home."""

    def __init__(self, home: Home, databases: Mapping[DatabaseName, Database], clock: Clock) -> None:
        self._home = home
        self._databases = databases
        self._clock = clock
        self._folder = home.root / FOLDER
        self._busy = False

    async def create(self) -> BackupMade:
        """Save the home as one tar file (0600) in its folder `backups`.

        Databases are copied in the order of their features: what `state` promises to do may be done already
        in a copy made a moment later, as after a crash, but never the other way round. Attachments are linked
        before and after, so that each one a database refers to is there.

        Raises:
            BackupRunning: while another is being made.
            Unavailable: when the disk is full or cannot be written.
        """
        if self._busy:
            raise BackupRunning("a backup is being made already; try again when it is finished")
        self._busy = True
        stop = threading.Event()
        staging = self._folder / f"{STAGING}{new_id()}"
        try:
            return await self._create(staging, stop)
        except OSError as error:
            raise Unavailable(f"the backup cannot be written: {error.strerror or error}") from error
        finally:
            # Cancelling does not end the thread that is at work; it looks at this.
            stop.set()
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
            self._busy = False

    async def clean(self) -> None:
        """Remove what a backup left behind that a crash interrupted."""
        await asyncio.to_thread(self._clean)

    async def databases(self) -> list[DatabaseStatus]:
        """Migrations and sizes, in the order of the files' life."""
        return [await self._database(name, database) for name, database in self._databases.items()]

    async def _create(self, staging: Path, stop: threading.Event) -> BackupMade:
        created_at_ms = self._clock.now_ms()
        await asyncio.to_thread(self._link_blobs, staging)
        for name, database in self._databases.items():
            target = staging / "state" / f"{name}.db"
            await asyncio.to_thread(private_dir, target.parent)
            await database.backup_to(target)
        await asyncio.to_thread(self._link_blobs, staging)
        staged = await asyncio.to_thread(self._stage, staging, stop)
        stamp = datetime.fromtimestamp(created_at_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self._folder / f"homarus-{stamp}.tar"
        made = await asyncio.to_thread(_pack, staged, target, created_at_ms, stop)
        logger.info("backup of %d files, %d bytes", made.files, made.size)
        return made

    async def _database(self, name: DatabaseName, database: Database) -> DatabaseStatus:
        stats = database.stats()
        return DatabaseStatus(
            name=name,
            file_bytes=stats.file_bytes,
            wal_bytes=stats.wal_bytes,
            migrations=await database.read(store.newest_migrations),
        )

    def _link_blobs(self, staging: Path) -> None:
        """Attachments never change, so a second name for one is as good as a copy, and costs nothing."""
        for path in _plain_files(self._home.blobs_dir, []):
            target = staging / path.relative_to(self._home.root)
            if not target.exists():
                private_dir(target.parent)
                _link(path, target)

    def _stage(self, staging: Path, stop: threading.Event) -> Staged:
        """Copy everything else, so that a file that changes meanwhile is saved as it was at one moment."""
        skipped: list[str] = []
        for path in self._others(skipped):
            if stop.is_set():
                break
            target = staging / path.relative_to(self._home.root)
            private_dir(target.parent)
            try:
                shutil.copyfile(path, target)
            except FileNotFoundError:
                continue  # it was removed since it was listed
        return Staged(staging, skipped)

    def _others(self, skipped: list[str]) -> Iterator[Path]:
        root = self._home.root
        for entry in sorted(root.iterdir()):
            if entry.name in LEFT_OUT or entry == self._home.blobs_dir:
                continue
            if entry.is_dir():
                yield from (path for path in _plain_files(entry, skipped, root) if not self._is_copied(path))
            elif entry.is_file():
                # Followed when it is a link: settings may be kept elsewhere.
                yield entry

    def _is_copied(self, path: Path) -> bool:
        """Whether a file belongs to a database that was copied as such, or is an older copy of one."""
        if path.parent != self._home.state_dir:
            return False
        if BEFORE_UPGRADE in path.name:
            return True
        files = {f"{name}.db{ending}" for name in self._databases for ending in ("", "-wal", "-shm")}
        return path.name in files

    def _clean(self) -> None:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.name.startswith(STAGING):
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.endswith(".partial"):
                path.unlink(missing_ok=True)


def _pack(staged: Staged, target: Path, created_at_ms: int, stop: threading.Event) -> BackupMade:
    partial_path = target.with_name(f"{target.name}.partial")
    private_dir(target.parent)
    private_file(partial_path)
    try:
        with partial_path.open("wb") as file:
            manifest = archive.write(staged.folder, file, RELEASE, created_at_ms, stop.is_set)
        if manifest is None:
            raise Unavailable("the backup was given up")
        move_into_place(partial_path, target)
    finally:
        partial_path.unlink(missing_ok=True)
    return BackupMade(
        path=str(target),
        size=target.stat().st_size,
        files=len(manifest.files),
        created_at_ms=created_at_ms,
        skipped=staged.skipped,
    )


def _plain_files(folder: Path, skipped: list[str], root: Path | None = None) -> Iterator[Path]:
    """Regular files below a folder; links and special files are noted in `skipped`, relative to `root`."""
    for parent, folders, names in os.walk(folder):
        for name in [*names, *(name for name in folders if Path(parent, name).is_symlink())]:
            path = Path(parent, name)
            if path.is_symlink() or not path.is_file():
                skipped.append(str(path.relative_to(root or folder)))
            else:
                yield path


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        return  # it was removed since it was listed
    except OSError:
        # A file system without hard links.
        shutil.copyfile(path, target)
