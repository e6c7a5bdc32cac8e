"""The sliding window."""

from gateway.kernel.rate import MAX_KEYS, SlidingWindow
from tests.support.clock import FakeClock


def test_the_limit_holds_in_any_window() -> None:
    clock = FakeClock()
    window = SlidingWindow(clock, limit=3, window_s=60)
    for _ in range(3):
        assert window.take("a") == 0
        clock.move(10)
    assert window.take("a") == 30
    assert window.take("b") == 0
    clock.move(30)
    assert window.take("a") == 0
    assert window.take("a") == 10


def test_what_did_not_happen_is_not_counted() -> None:
    window = SlidingWindow(FakeClock(), limit=1, window_s=60)
    for _ in range(5):
        assert window.take("a") == 0
        window.give_back("a")
    window.give_back("never seen")


def test_keys_are_bounded() -> None:
    window = SlidingWindow(FakeClock(), limit=1, window_s=60)
    window.take("first")
    for number in range(MAX_KEYS):
        window.take(str(number))
    assert window.take("first") == 0, "forgotten, because it was seen longest ago"
    assert window.take(str(MAX_KEYS - 1)) > 0
