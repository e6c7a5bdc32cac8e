"""Times as people type them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.cli.failure import Misused
from gateway.cli.schedules import instant, interval_ms, local_zone


@pytest.mark.parametrize(
    ("text", "length_ms"), [("30s", 30_000), ("10m", 600_000), ("2H", 7_200_000), (" 1d ", 86_400_000)]
)
def test_lengths(text: str, length_ms: int) -> None:
    assert interval_ms(text) == length_ms


@pytest.mark.parametrize("text", ["", "5", "m", "0s", "-5m", "1w", "1.5h", "5m 5s"])
def test_other_lengths_are_a_misuse(text: str) -> None:
    with pytest.raises(Misused, match="no length of time"):
        interval_ms(text)


def test_a_relative_time_counts_from_now() -> None:
    moment = datetime.fromisoformat(instant("+20m"))
    assert abs(moment - datetime.now(UTC) - timedelta(minutes=20)) < timedelta(seconds=30)


def test_a_time_without_offset_is_local_and_sent_with_one() -> None:
    moment = datetime.fromisoformat(instant("2999-01-31T09:00"))
    assert moment.utcoffset() is not None
    assert moment.replace(tzinfo=None) == datetime(2999, 1, 31, 9)  # noqa: DTZ001 - the wall clock is the point
    assert instant("2999-01-31T09:00+00:00").startswith("2999-01-31T")


@pytest.mark.parametrize("text", ["tomorrow", "09:00", "2001-01-01T00:00"])
def test_other_times_are_a_misuse(text: str) -> None:
    with pytest.raises(Misused):
        instant(text)


def test_the_zone_of_this_machine(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert local_zone({"TZ": ":Europe/Berlin"}, link) == "Europe/Berlin"
    assert local_zone({}, link) == "Asia/Tokyo"
    assert local_zone({"TZ": "UTC0"}, tmp_path / "none") is None
