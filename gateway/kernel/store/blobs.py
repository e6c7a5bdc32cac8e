"""Files named by what they hold."""

import asyncio
import hashlib
import os
import re
import threading
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.store.errors import StoreCorrupt, store_errors
from gateway.kernel.store.files import PRIVATE_FILE, move_into_place, private_dir, sync_dir
from protocol.errors import InvalidRequest, NotFound
from protocol.ids import new_id

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class BlobRef(msgspec.Struct, frozen=True):
    """Where a blob is found again, and how large it is."""

    sha256: str
    """64 lowercase hexadecimal digits."""
    size: int
    """In bytes."""


class BlobStore:
    """Blobs under `root/ab/<sha256>`, mode 0600. Equal bytes are stored once. One process owns a root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._prepared = False
        self._preparing = threading.Lock()

    async def put(self, data: bytes) -> BlobRef:
        """Store `data`; when this returns it is on the disk.

        Raises:
            StoreUnavailable: when the disk is full, read-only or failing.
        """
        return await asyncio.to_thread(self._put, data)

    async def get(self, sha256: str) -> bytes:
        """The bytes of a blob, checked against its name.

        Raises:
            NotFound: when there is none.
            InvalidRequest: when `sha256` is not 64 lowercase hexadecimal digits.
            StoreUnavailable: when it cannot be read; `StoreCorrupt` when its bytes have changed.
        """
        return await asyncio.to_thread(self._get, self.path_of(sha256))

    async def delete(self, sha256: str) -> bool:
        """Delete a blob; False when there was none.

        Raises:
            InvalidRequest: as for `get`.
            StoreUnavailable: when it cannot be deleted.
        """
        return await asyncio.to_thread(self._delete, self.path_of(sha256))

    def path_of(self, sha256: str) -> Path:
        """Where a blob is, or would be.

        Raises:
            InvalidRequest: as for `get`.
        """
        if _SHA256.fullmatch(sha256) is None:
            raise InvalidRequest("sha256: must be 64 lowercase hexadecimal digits", {"field": "sha256"})
        return self._root / sha256[:2] / sha256

    def _put(self, data: bytes) -> BlobRef:
        ref = BlobRef(hashlib.sha256(data).hexdigest(), len(data))
        path = self.path_of(ref.sha256)
        with store_errors(f"blob {path.name}"):
            self._prepare()
            private_dir(path.parent)
            if _size(path) == ref.size:
                # Whoever stored it may not have synced the folder yet; our caller counts on it too.
                sync_dir(path.parent)
            else:
                self._write(path, data)
        return ref

    def _write(self, path: Path, data: bytes) -> None:
        partial = self._incoming / new_id()
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            move_into_place(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _prepare(self) -> None:
        """Once per process: clear what an earlier one was writing when it died."""
        with self._preparing:
            if self._prepared:
                return
            private_dir(self._incoming)
            for orphan in self._incoming.iterdir():
                orphan.unlink()
            self._prepared = True

    @staticmethod
    def _get(path: Path) -> bytes:
        with store_errors(f"blob {path.name}"):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise NotFound(f"no blob {path.name}") from None
        if hashlib.sha256(data).hexdigest() != path.name:
            raise StoreCorrupt(f"blob {path.name}")
        return data

    @staticmethod
    def _delete(path: Path) -> bool:
        with store_errors(f"blob {path.name}"):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            sync_dir(path.parent)
            return True


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
