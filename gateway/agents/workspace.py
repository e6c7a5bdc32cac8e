"""An agent's folder: where it may be, and reading and writing in it without ever leaving it.

Every access opens the folder once and goes down one name at a time relative to that descriptor, refusing
links, so that nothing swapped in between two steps leads outside.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.home import Home
from gateway.kernel.store.files import private_dir
from protocol.errors import InvalidRequest, NotFound, Unavailable

MAX_READ_BYTES: Final = 1024 * 1024
"""The largest file shown to a client."""

MAX_ENTRIES: Final = 10_000
"""Entries of one folder that are looked at; a folder with more is cut there."""

_OPEN_DIR: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Not blocking: opening a pipe somebody put there must not hang."""


class Content(msgspec.Struct, frozen=True):
    """A file as it was read."""

    data: bytes
    size: int
    updated_ms: int

    @property
    def sha256(self) -> str:
        """Fingerprint of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


class Entry(msgspec.Struct, frozen=True):
    """A name in a folder."""

    name: str
    is_dir: bool
    size: int
    updated_ms: int


def checked_workspace(chosen: str, home: Home) -> Path:
    """`chosen` as an absolute folder an agent may live in.

    Raises:
        InvalidRequest: when it is not absolute, no folder, or holds or is part of the gateway's own files.
    """
    try:
        path = Path(chosen).expanduser()
    except RuntimeError as error:  # `~somebody` who does not exist
        raise InvalidRequest("workspace: no such user", {"field": "workspace"}) from error
    if not path.is_absolute() or "\x00" in chosen:
        raise InvalidRequest("workspace: give an absolute path", {"field": "workspace"})
    resolved = path.resolve()
    if resolved.is_file():
        raise InvalidRequest("workspace: this is a file, not a folder", {"field": "workspace"})
    inside = resolved.is_relative_to(home.root) and not resolved.is_relative_to(home.workspaces_dir)
    around = home.workspaces_dir.is_relative_to(resolved)
    if inside or around:
        raise InvalidRequest(
            "workspace: this folder holds the gateway's own files; choose another", {"field": "workspace"}
        )
    return resolved


def make_workspace(folder: Path) -> None:
    """Make an agent's folder, private to the gateway's user; one that exists stays as it is.

    Raises:
        InvalidRequest: when the system refuses, with its reason.
    """
    try:
        private_dir(folder)
    except OSError as error:
        raise InvalidRequest(
            f"workspace: the folder cannot be made: {error.strerror}", {"field": "workspace"}
        ) from error


class Workspace:
    """Files below one folder. All methods block on the disk: run them in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str, limit: int = MAX_READ_BYTES) -> Content | None:
        """A regular file; None when there is none.

        Raises:
            InvalidRequest: when the path leaves the folder or leads over a link, or the file is larger than
                `limit` bytes, or not a regular one with a single name.
            Unavailable: when the disk fails.
        """
        names = parts(path)
        with _disk_errors(path):
            try:
                with self._folder(names[:-1]) as folder:
                    return _read_file(folder, names[-1], limit, path)
            except FileNotFoundError:
                return None

    def stat(self, name: str) -> Entry | None:
        """What is known of a file without reading it; None when it is missing or no regular file."""
        (single,) = parts(name)
        with _disk_errors(name):
            try:
                with self._folder([]) as folder:
                    facts = os.stat(single, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return _entry(single, facts) if stat.S_ISREG(facts.st_mode) else None

    def write(self, name: str, data: bytes) -> Content:
        """Write a file of the folder whole: others see the old content or the new one, never a part.

        Raises:
            InvalidRequest: when something that is not a regular file of its own stands there.
            Unavailable: when the disk fails.
        """
        (single,) = parts(name)
        with _disk_errors(name):
            if not self.root.is_dir():
                private_dir(self.root)
            with self._folder([]) as folder:
                _refuse_special(folder, single, name)
                facts = _replace(folder, single, data)
        return Content(data, len(data), facts.st_mtime_ns // 1_000_000)

    def entries(self, path: str) -> list[Entry]:
        """Files and folders of a folder; links and everything special are left out.

        Raises:
            NotFound: there is no such folder.
            InvalidRequest: when the path leaves the workspace.
            Unavailable: when the disk fails.
        """
        names = parts(path) if path.strip("/") not in {"", "."} else []
        with _disk_errors(path):
            try:
                with self._folder(names) as folder:
                    return sorted(
                        _listing(folder), key=lambda entry: (not entry.is_dir, entry.name.casefold())
                    )
            except FileNotFoundError:
                if names:
                    raise NotFound(f"{path}: no such folder in the workspace", {"field": "path"}) from None
                return []

    @contextmanager
    def _folder(self, names: list[str]) -> Generator[int]:
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                inner = os.open(name, _OPEN_DIR, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def parts(path: str) -> list[str]:
    """The names of a relative path.

    Raises:
        InvalidRequest: when it is empty, absolute, or holds `..`, a backslash or a control character.
    """
    names = [name for name in path.split("/") if name not in {"", "."}]
    bad = path.startswith("/") or "\\" in path or any(ord(char) < 32 or ord(char) == 127 for char in path)
    if not names or bad or ".." in names or any(len(name.encode()) > 255 for name in names):
        raise InvalidRequest(f'unsafe workspace path "{path[:200]}"', {"field": "path"})
    return names


def _read_file(folder: int, name: str, limit: int, shown: str) -> Content:
    descriptor = os.open(name, _OPEN_FILE, dir_fd=folder)
    try:
        facts = os.fstat(descriptor)
        _refuse_odd(facts, shown)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise InvalidRequest(
            f"{shown} is larger than {limit} bytes", {"field": "path", "size": facts.st_size}
        )
    return Content(data, len(data), facts.st_mtime_ns // 1_000_000)


def _refuse_special(folder: int, name: str, shown: str) -> None:
    try:
        _refuse_odd(os.stat(name, dir_fd=folder, follow_symlinks=False), shown)
    except FileNotFoundError:
        return


def _refuse_odd(facts: os.stat_result, shown: str) -> None:
    # A second name of the same file may stand outside the workspace.
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        raise InvalidRequest(f'unsafe workspace file "{shown}"', {"field": "path"})


def _replace(folder: int, name: str, data: bytes) -> os.stat_result:
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            facts = os.fstat(stream.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
    return facts


def _listing(folder: int) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        for _, item in zip(range(MAX_ENTRIES), found, strict=False):
            facts = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode) or (stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1):
                yield _entry(item.name, facts)


def _entry(name: str, facts: os.stat_result) -> Entry:
    return Entry(name, stat.S_ISDIR(facts.st_mode), facts.st_size, facts.st_mtime_ns // 1_000_000)


@contextmanager
def _disk_errors(shown: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.EISDIR}:
            raise InvalidRequest(f'unsafe workspace file "{shown}"', {"field": "path"}) from error
        raise Unavailable(f"{shown}: {error.strerror or error}") from error
