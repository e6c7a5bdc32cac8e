"""Content-addressed files."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from gateway.kernel.store.blobs import BlobRef, BlobStore
from gateway.kernel.store.errors import StoreCorrupt, StoreIoError
from protocol.errors import InvalidRequest, NotFound

DATA = b"a picture"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    """A store in a folder that does not exist yet."""
    return BlobStore(tmp_path / "blobs")


async def test_stored_bytes_come_back(blobs: BlobStore, tmp_path: Path) -> None:
    ref = await blobs.put(DATA)
    assert ref == BlobRef(SHA256, len(DATA))
    assert await blobs.get(SHA256) == DATA
    path = tmp_path / "blobs" / SHA256[:2] / SHA256
    assert blobs.path_of(SHA256) == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_equal_bytes_are_stored_once(blobs: BlobStore, tmp_path: Path) -> None:
    refs = await asyncio.gather(*(blobs.put(DATA) for _ in range(20)))
    assert set(refs) == {BlobRef(SHA256, len(DATA))}
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [blobs.path_of(SHA256)]


async def test_empty_blob(blobs: BlobStore) -> None:
    ref = await blobs.put(b"")
    assert await blobs.get(ref.sha256) == b""


async def test_deleted_is_gone(blobs: BlobStore) -> None:
    await blobs.put(DATA)
    assert await blobs.delete(SHA256)
    assert not await blobs.delete(SHA256)
    with pytest.raises(NotFound, match=SHA256):
        await blobs.get(SHA256)


@pytest.mark.parametrize(
    "sha256", ["", SHA256[:-1], SHA256 + "0", SHA256.upper(), f"{SHA256}\n", "../" + SHA256[3:], "z" * 64]
)
async def test_anything_but_a_digest_is_refused(blobs: BlobStore, sha256: str) -> None:
    for attempt in (blobs.get(sha256), blobs.delete(sha256)):
        with pytest.raises(InvalidRequest, match="sha256"):
            await attempt


async def test_changed_bytes_are_noticed_and_cut_ones_repaired(blobs: BlobStore) -> None:
    await blobs.put(DATA)
    blobs.path_of(SHA256).write_bytes(b"a pictur")
    with pytest.raises(StoreCorrupt, match=SHA256):
        await blobs.get(SHA256)
    await blobs.put(DATA)
    assert await blobs.get(SHA256) == DATA


async def test_leftovers_of_a_crash_are_cleared(blobs: BlobStore, tmp_path: Path) -> None:
    orphan = tmp_path / "blobs" / "incoming" / "half-written"
    orphan.parent.mkdir(parents=True)
    orphan.touch()
    await blobs.put(DATA)
    assert not orphan.exists()


async def test_unusable_root_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    with pytest.raises(StoreIoError):
        await BlobStore(tmp_path / "blobs").put(DATA)
