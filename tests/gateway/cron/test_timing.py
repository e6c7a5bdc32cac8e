"""When schedules come due (row R20: clocks and daylight saving)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cron.timing import MAX_MISSED, check_schedule, missed_slots, next_due
from protocol.errors import InvalidRequest
from protocol.nouns.cron import AtSchedule, CronSchedule, EverySchedule


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = ms("2026-11-20T12:00:00")


@given(st.integers(1000, 10**9), st.integers(0, 10**12), st.integers(0, 10**12))
def test_every_is_always_later_on_the_grid_and_the_first_such(every: int, anchor: int, after: int) -> None:
    due = next_due(EverySchedule(every_ms=every, anchor_ms=anchor), after, 0)
    assert due is not None
    assert (due - anchor) % every == 0
    assert due > after or due == anchor
    assert due - every <= after or due == anchor


def test_every_counts_from_creation_without_an_anchor() -> None:
    assert next_due(EverySchedule(every_ms=3_600_000), NOON + 1, NOON) == NOON + 3_600_000


def test_at_is_due_once() -> None:
    schedule = AtSchedule(at="2026-11-20T12:30:00Z")
    assert next_due(schedule, NOON, 0) == NOON + 30 * 60_000
    assert next_due(schedule, NOON + 30 * 60_000, 0) is None
    assert next_due(AtSchedule(at="2026-11-20T12:30:00"), NOON, 0) == NOON + 30 * 60_000


def test_cron_follows_its_time_zone_through_daylight_saving() -> None:
    schedule = CronSchedule(expr="0 9 * * *", tz="Europe/Berlin")
    assert next_due(schedule, ms("2026-10-24T08:00:00"), 0) == ms("2026-10-25T08:00:00")
    assert next_due(schedule, ms("2026-10-23T08:00:00"), 0) == ms("2026-10-24T07:00:00")
    assert next_due(CronSchedule(expr="0 9 * * *"), NOON, 0) == ms("2026-11-21T09:00:00")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (CronSchedule(expr="99 99 * * *"), "/schedule/expr"),
        (CronSchedule(expr="* * *"), "/schedule/expr"),
        (CronSchedule(expr="0 9 * * *", tz="Nowhere/Land"), "/schedule/tz"),
        (CronSchedule(expr="0 9 * * *", tz="../../etc/passwd"), "/schedule/tz"),
        (CronSchedule(expr="0 9 * * *", tz="Europe"), "/schedule/tz"),
        (AtSchedule(at="tomorrow"), "/schedule/at"),
    ],
)
def test_impossible_schedules_name_the_field(schedule: CronSchedule | AtSchedule, words: str) -> None:
    with pytest.raises(InvalidRequest, match=r"invalid cron\.add params") as refused:
        check_schedule(schedule, NOON, "cron.add params")
    assert words in refused.value.message


def test_missed_slots_are_listed_up_to_now_and_bounded() -> None:
    hourly = EverySchedule(every_ms=3_600_000, anchor_ms=NOON)
    assert missed_slots(hourly, NOON, NOON, 0) == [NOON]
    assert missed_slots(hourly, NOON, NOON + 3 * 3_600_000 + 5, 0) == [NOON + h * 3_600_000 for h in range(4)]
    month = missed_slots(EverySchedule(every_ms=1000, anchor_ms=NOON), NOON, NOON + 30 * 86_400_000, 0)
    assert len(month) == MAX_MISSED
    assert month[-1] == NOON + 30 * 86_400_000
    daily = missed_slots(CronSchedule(expr="0 9 * * *"), ms("2026-11-17T09:00:00"), NOON, 0)
    assert daily == [ms(f"2026-11-{day}T09:00:00") for day in (17, 18, 19, 20)]
    minutes = missed_slots(CronSchedule(expr="* * * * *"), ms("2016-11-20T12:00:00"), NOON, 0)
    assert (len(minutes), minutes[-1] - minutes[0]) == (MAX_MISSED, (MAX_MISSED - 1) * 60_000)
    assert minutes[-1] == NOON
    assert missed_slots(AtSchedule(at="2026-11-20T11:00:00Z"), ms("2026-11-20T11:00:00"), NOON, 0) == [
        ms("2026-11-20T11:00:00")
    ]
