"""`fs.listDir`: the folders inside a folder, so that a person can choose one from afar."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Final

from device_node.commands import CommandFailed, Invocation, performs
from device_node.providers.finding import Family, usable
from protocol.commands.host import MAX_ENTRIES, Folder, FolderEntry, FsListDir

_REASONS: Final = {
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "that is no folder",
    errno.EACCES: "this node may not read that folder",
    errno.EPERM: "this node may not read that folder",
    errno.ENAMETOOLONG: "a name in it is too long",
    errno.ELOOP: "its links lead in a circle",
}


class FoldersProvider:
    """Lists folders of the machine; the files in them are not shown."""

    @performs(FsListDir)
    async def list_dir(self, _: Invocation, call: FsListDir) -> Folder:
        """The folders inside one, by name."""
        return await asyncio.to_thread(_list, call.path)


def folders_family() -> Family:
    """It works everywhere."""
    return usable("files", "shows the names of folders", FoldersProvider())


def _list(wanted: str | None) -> Folder:
    home = str(Path.home())
    path = _checked(wanted, home)
    try:
        with os.scandir(path) as found:
            names = sorted(entry.name for entry in found if _is_folder(entry) and _is_text(entry.name))
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror)
        raise CommandFailed("INVALID_REQUEST", f"path: {reason}") from error
    parent = str(Path(path).parent)
    return Folder(
        path=path,
        parent=parent if parent != path else None,
        home=home,
        entries=[
            FolderEntry(name=name, path=str(Path(path) / name), hidden=name.startswith("."))
            for name in names[:MAX_ENTRIES]
        ],
    )


def _checked(wanted: str | None, home: str) -> str:
    """An absolute path; `~` stands for the owner's home."""
    if wanted is None or wanted == "~":
        return home
    if "\0" in wanted:
        raise CommandFailed("INVALID_REQUEST", "path: must not contain NUL")
    if wanted.startswith("~/"):
        return os.path.normpath(f"{home}/{wanted[2:]}")
    if not wanted.startswith("/"):
        raise CommandFailed("INVALID_REQUEST", "path: must be absolute, or start with ~/")
    return os.path.normpath(wanted)


def _is_text(name: str) -> bool:
    """A name that is no text cannot travel, and nobody could ask for it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere we may look
        return False
