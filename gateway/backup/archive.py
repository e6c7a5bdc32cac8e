"""The format of a backup: a tar of plain files, and at its end a manifest with their checksums.

A file that was cut off has no manifest, and one that was changed does not match it.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

import msgspec

from gateway.kernel.store.files import PRIVATE_FILE, private_dir
from protocol.errors import InvalidRequest

FORMAT: Final = 1

MANIFEST: Final = "manifest.json"

MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
"""Far above a million files; more is not a manifest."""

CHUNK_BYTES: Final = 256 * 1024


class Source(Protocol):
    """Where an archive is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


class BackupDamaged(InvalidRequest):
    """The archive is not what was written; the message says where."""


class SavedFile(msgspec.Struct, frozen=True):
    """One file of a backup."""

    path: str
    """Relative to the home, with `/`."""
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a backup holds."""

    format: int
    release: str
    created_at_ms: int
    files: tuple[SavedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def write(
    folder: Path, target: IO[bytes], release: str, created_at_ms: int, stopped: Callable[[], bool]
) -> Manifest | None:
    """Write every file below `folder`; `None` when `stopped()` became true meanwhile.

    Raises:
        OSError: when something cannot be read or written.
    """
    saved: list[SavedFile] = []
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(found for found in folder.rglob("*") if found.is_file()):
            if stopped():
                return None
            name = path.relative_to(folder).as_posix()
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                reader = _Hashing(file)
                tar.addfile(_header(name, size, created_at_ms), reader)
            saved.append(SavedFile(name, size, reader.hexdigest()))
        manifest = Manifest(FORMAT, release, created_at_ms, tuple(saved))
        data = msgspec.json.encode(manifest)
        tar.addfile(_header(MANIFEST, len(data), created_at_ms), io.BytesIO(data))
    return manifest


def read(source: Source, into: Path | None = None) -> Manifest:
    """Check an archive from first to last byte and, with `into`, write its files there (0600).

    The files are not synced one by one, which takes minutes for thousands; the caller syncs them all.

    Raises:
        BackupDamaged: when anything is missing, changed, or not a backup at all.
        OSError: when `into` cannot be written.
    """
    try:
        with tarfile.open(fileobj=_Stream(source), mode="r|") as tar:
            found, manifest = _members(tar, into)
    except tarfile.TarError as error:
        raise BackupDamaged(f"this is no backup, or a part of one: {error}") from error
    if manifest is None:
        raise BackupDamaged("the backup is incomplete: its end is missing")
    expected = {file.path: file for file in manifest.files}
    for file in found:
        if expected.pop(file.path, None) != file:
            raise BackupDamaged(f"{file.path} is not as it was saved")
    if expected:
        raise BackupDamaged(f"{next(iter(expected))} is missing")
    return manifest


def _members(tar: tarfile.TarFile, into: Path | None) -> tuple[list[SavedFile], Manifest | None]:
    found: list[SavedFile] = []
    for member in tar:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise BackupDamaged(f"{member.name!r} is not a plain file")
        if member.name == MANIFEST:
            return found, _manifest(content)
        found.append(_take(member, content, into))
    return found, None


def _take(member: tarfile.TarInfo, content: IO[bytes], into: Path | None) -> SavedFile:
    reader = _Hashing(content)
    if into is None:
        for _ in _chunks(reader):
            pass
    else:
        path = into / _safe(member.name)
        private_dir(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(handle, "wb") as file:
            for chunk in _chunks(reader):
                file.write(chunk)
    return SavedFile(member.name, member.size, reader.hexdigest())


def _manifest(content: IO[bytes]) -> Manifest:
    try:
        manifest = msgspec.json.decode(content.read(MAX_MANIFEST_BYTES), type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupDamaged(f"its manifest cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise BackupDamaged(f"it has format {manifest.format}; this version reads {FORMAT}")
    return manifest


def _safe(name: str) -> PurePosixPath:
    """A member's name as a path below the home.

    Raises:
        BackupDamaged: when it would lie anywhere else.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise BackupDamaged(f"{name!r} does not belong into a home")
    return path


def _header(name: str, size: int, created_at_ms: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = PRIVATE_FILE
    header.mtime = created_at_ms / 1000
    return header


def _chunks(reader: "_Hashing") -> Iterator[bytes]:
    while chunk := reader.read(CHUNK_BYTES):
        yield chunk


class _Hashing(io.RawIOBase):
    """Reads through and hashes what passes."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """As any file."""
        data = self._source.read(size)
        self._hash.update(data)
        return data

    def hexdigest(self) -> str:
        """Of everything read so far."""
        return self._hash.hexdigest()


class _Stream(io.RawIOBase):
    """A `Source` as the file object `tarfile` wants."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        """As any file."""
        return self._source.read(size)
