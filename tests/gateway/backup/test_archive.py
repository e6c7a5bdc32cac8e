"""A backup says itself whether it is whole."""

import io
import tarfile
from pathlib import Path

import pytest

from gateway.backup import archive
from gateway.backup.archive import BackupDamaged, Manifest

FILES = {
    "homarus.toml": b"[gateway]\n",
    "state/state.db": bytes(range(256)) * 4096,
    "keys/a.key": b"secret",
    "workspaces/main/ünï.md": b"",
}


@pytest.fixture
def saved(tmp_path: Path) -> bytes:
    """An archive of `FILES`."""
    folder = tmp_path / "home"
    for name, data in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    target = io.BytesIO()
    assert archive.write(folder, target, "1.0", 1_795_000_000_000, lambda: False)
    return target.getvalue()


def test_what_was_saved_comes_back_private(saved: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = archive.read(io.BytesIO(saved), out)
    assert {file.path for file in manifest.files} == set(FILES)
    assert manifest.size == sum(len(data) for data in FILES.values())
    for name, data in FILES.items():
        assert (out / name).read_bytes() == data
        assert (out / name).stat().st_mode & 0o777 == 0o600
    assert (out / "keys").stat().st_mode & 0o777 == 0o700


def test_every_cut_is_noticed(saved: bytes) -> None:
    end = len(saved.rstrip(b"\0"))
    for length in (*range(0, end, 9973), end - 1):
        with pytest.raises(BackupDamaged):
            archive.read(io.BytesIO(saved[:length]))


def test_every_change_of_content_is_noticed(saved: bytes) -> None:
    for place in range(0, len(saved.rstrip(b"\0")), 4999):
        changed = bytearray(saved)
        changed[place] ^= 0x10
        try:
            manifest = archive.read(io.BytesIO(bytes(changed)))
        except BackupDamaged:
            continue
        # A bit of a header nobody reads, such as a file's time: what is restored is the same.
        assert {file.path: file.size for file in manifest.files} == {k: len(v) for k, v in FILES.items()}


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    """A tar with these members."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for header, data in members:
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    target.seek(0)
    return target


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", "."])
def test_no_file_lands_outside(name: str, tmp_path: Path) -> None:
    with pytest.raises(BackupDamaged):
        archive.read(tar_of((tarfile.TarInfo(name), b"x")), tmp_path / "out")
    assert not (tmp_path / "escape").exists()


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        header = tarfile.TarInfo("keys")
        header.type = kind
        header.linkname = "/etc"
        with pytest.raises(BackupDamaged, match="plain file"):
            archive.read(tar_of((header, b"")), tmp_path / "out")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    twice = tar_of((tarfile.TarInfo("a"), b"1"), (tarfile.TarInfo("a"), b"2"))
    with pytest.raises((BackupDamaged, FileExistsError)):
        archive.read(twice, tmp_path / "out")


def test_a_later_format_is_named(tmp_path: Path) -> None:
    import msgspec

    data = msgspec.json.encode(Manifest(2, "9.9", 0, ()))
    with pytest.raises(BackupDamaged, match="format 2"):
        archive.read(tar_of((tarfile.TarInfo(archive.MANIFEST), data)))


def test_a_stopped_backup_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert archive.write(tmp_path, io.BytesIO(), "1.0", 0, lambda: True) is None
