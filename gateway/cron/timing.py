"""When a schedule is due next."""

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from protocol.errors import InvalidRequest
from protocol.nouns.cron import AtSchedule, CronSchedule, EverySchedule, Schedule

MAX_MISSED: Final = 100
"""Missed slots recorded one by one; the older ones of a frequent job are left out."""


def check_schedule(schedule: Schedule, now_ms: int, field: str) -> None:
    """Refuse a schedule that could never run.

    Raises:
        InvalidRequest: naming the field, and what would be right.
    """
    try:
        due_ms = next_due(schedule, now_ms, now_ms)
    except InvalidRequest as error:
        raise InvalidRequest(f"invalid {field}: {error.message}", error.details) from error
    if due_ms is None and not isinstance(schedule, AtSchedule):
        raise InvalidRequest(f"invalid {field}: the schedule never comes due", {"field": "schedule"})


def next_due(schedule: Schedule, after_ms: int, created_ms: int) -> int | None:
    """The first slot later than `after_ms`; None when there is none.

    Raises:
        InvalidRequest: when the schedule cannot be read.
    """
    if isinstance(schedule, AtSchedule):
        at_ms = _instant(schedule.at)
        return at_ms if at_ms > after_ms else None
    if isinstance(schedule, EverySchedule):
        anchor_ms = schedule.anchor_ms if schedule.anchor_ms is not None else created_ms
        if after_ms < anchor_ms:
            return anchor_ms
        return anchor_ms + ((after_ms - anchor_ms) // schedule.every_ms + 1) * schedule.every_ms
    return _next_cron(schedule, after_ms)


def missed_slots(schedule: Schedule, due_ms: int, now_ms: int, created_ms: int) -> list[int]:
    """The slots from `due_ms` up to now, oldest first, at most the newest `MAX_MISSED`."""
    if isinstance(schedule, EverySchedule):
        first_ms = max(
            due_ms, now_ms - (now_ms - due_ms) % schedule.every_ms - (MAX_MISSED - 1) * schedule.every_ms
        )
        return list(range(first_ms, now_ms + 1, schedule.every_ms))
    slots = [_not_too_long_ago(schedule, due_ms, now_ms)]
    while (following := next_due(schedule, slots[-1], created_ms)) is not None and following <= now_ms:
        slots.append(following)
        if len(slots) > MAX_MISSED:
            del slots[0]
    return slots


def _not_too_long_ago(schedule: Schedule, due_ms: int, now_ms: int) -> int:
    """The slot to count missed ones from, so that a year off costs no more than a day.

    Counting back only finds where to start: around a change to daylight saving it may name other times than
    counting on, and slots are known by their time.
    """
    if not isinstance(schedule, CronSchedule):
        return due_ms
    back = CronSim(schedule.expr, datetime.fromtimestamp(now_ms / 1000, _zone(schedule)), reverse=True)
    for passed, slot in enumerate(back):
        if slot.timestamp() * 1000 <= due_ms:
            return due_ms
        if passed == MAX_MISSED:
            return max(due_ms, _next_cron(schedule, int(slot.timestamp() * 1000)) or due_ms)
    return due_ms


def _zone(schedule: CronSchedule) -> tzinfo:
    try:
        return ZoneInfo(schedule.tz) if schedule.tz is not None else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        raise InvalidRequest(f"at /schedule/tz: unknown time zone {schedule.tz}", {"field": "tz"}) from error


def _next_cron(schedule: CronSchedule, after_ms: int) -> int | None:
    start = datetime.fromtimestamp(after_ms / 1000, _zone(schedule))
    try:
        following = next(CronSim(schedule.expr, start), None)
    except CronSimError as error:
        raise InvalidRequest(
            f"at /schedule/expr: {schedule.expr!r} is no cron expression ({error})", {"field": "expr"}
        ) from error
    return None if following is None else int(following.timestamp() * 1000)


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            "at /schedule/at: must be an ISO 8601 time such as 2026-11-20T09:00:00Z", {"field": "at"}
        ) from error
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
