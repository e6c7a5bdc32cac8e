"""When a schedule is due next."""

from datetime import UTC, datetime
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
    slots = [due_ms]
    while (following := next_due(schedule, slots[-1], created_ms)) is not None and following <= now_ms:
        slots.append(following)
        if len(slots) > MAX_MISSED:
            del slots[0]
    return slots


def _next_cron(schedule: CronSchedule, after_ms: int) -> int | None:
    try:
        zone = ZoneInfo(schedule.tz) if schedule.tz is not None else UTC
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidRequest(f"at /schedule/tz: unknown time zone {schedule.tz}", {"field": "tz"}) from error
    start = datetime.fromtimestamp(after_ms / 1000, zone)
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
