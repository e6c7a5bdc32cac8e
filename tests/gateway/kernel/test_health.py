"""The board of parts."""

from gateway.kernel.health import HealthBoard, PartHealth
from tests.support.clock import FakeClock


def test_changes_are_told_once_and_dated() -> None:
    clock = FakeClock(now_ms=1000)
    board = HealthBoard(clock)
    seen: list[tuple[str, bool]] = []
    board.on_change(lambda name, part: seen.append((name, part.ok)))
    board.report("telegram", ok=True)
    clock.move(5)
    board.report("telegram", ok=True)
    board.report("telegram", ok=False, detail="no answer")
    clock.move(5)
    board.report("telegram", ok=False, detail="no answer")
    assert seen == [("telegram", True), ("telegram", False)]
    assert board.parts() == {"telegram": PartHealth(ok=False, detail="no answer", since_ms=6000)}


def test_core_parts_are_told_apart() -> None:
    board = HealthBoard(FakeClock())
    board.report("voice", ok=False, detail="no microphone")
    board.report("store", ok=False, detail="disk full", core=True)
    board.report("disk", ok=True, core=True)
    assert board.failing() == ["voice", "store"]
    assert board.failing(core=True) == ["store"]


def test_a_removed_part_is_gone() -> None:
    board = HealthBoard(FakeClock())
    seen: list[str] = []
    board.report("telegram", ok=False)
    board.on_change(lambda name, _: seen.append(name))
    board.forget("telegram")
    board.forget("telegram")
    assert board.parts() == {}
    assert seen == ["telegram"]
