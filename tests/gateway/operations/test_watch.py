"""A disk that cannot take more is told before a write fails."""

import shutil
from pathlib import Path

import pytest

from gateway.kernel.health import HealthBoard
from gateway.kernel.store.db import Database
from gateway.operations.watch import DISK, DiskState, DiskWatch, StoreWatch
from tests.support.clock import FakeClock


@pytest.fixture
def board() -> HealthBoard:
    return HealthBoard(FakeClock())


def test_a_good_disk_is_good(tmp_path: Path, board: HealthBoard) -> None:
    DiskWatch(tmp_path, board).check()
    assert board.failing() == []
    assert board.parts()[DISK].core


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (DiskState(read_only=False, free_bytes=5 * 2**20), "only 5 MiB are left for"),
        (DiskState(read_only=True, free_bytes=2**40), "read-only"),
    ],
)
def test_a_full_or_read_only_disk_is_told(
    tmp_path: Path, board: HealthBoard, state: DiskState, said: str
) -> None:
    """R4, R5."""
    DiskWatch(tmp_path, board, lambda _: state).check()
    assert said in board.parts()[DISK].detail
    assert board.failing(core=True) == [DISK]


def test_a_vanished_disk_is_told(tmp_path: Path, board: HealthBoard) -> None:
    DiskWatch(tmp_path / "gone", board).check()
    assert "cannot be read" in board.parts()[DISK].detail


async def test_a_replaced_or_closed_database_is_told(tmp_path: Path, board: HealthBoard) -> None:
    """R7: writes to a file nobody will find again are as good as lost."""
    database = await Database.open(tmp_path / "state.db", [])
    watch = StoreWatch(tmp_path, {"state": database}, board)
    await watch.check()
    assert board.failing(core=True) == []
    shutil.copy(tmp_path / "state.db", tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(tmp_path / "state.db")
    await watch.check()
    assert "was replaced while in use" in board.parts()["store state"].detail
    (tmp_path / "state.db").unlink()
    await watch.check()
    assert "is gone" in board.parts()["store state"].detail
    (tmp_path / "state.db").touch()
    watch = StoreWatch(tmp_path, {"state": database}, board)
    await database.close()
    await watch.check()
    assert "is closed" in board.parts()["store state"].detail
