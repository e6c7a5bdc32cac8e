"""Usage by calendar day, from the ledger."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.operations.facts import Facts, UsageBucket
from protocol.errors import InvalidRequest
from protocol.methods.usage import (
    UsageCacheStatus,
    UsageCost,
    UsageCostResult,
    UsageDay,
    UsageStatusResult,
    UsageTotals,
)

_TOKENS: Final = ("input", "output", "cache_read", "cache_write")
_COSTS: Final = ("input_cost", "output_cost", "cache_read_cost", "cache_write_cost")


class UsageReports:
    """Adds up the ledger."""

    def __init__(self, facts: Facts, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    async def cost(self, call: UsageCost) -> UsageCostResult:
        """Every day of the range, today last.

        Raises:
            InvalidRequest: when the time zone is unknown.
        """
        zone = _zone(call)
        now_ms = self._clock.now_ms()
        day_of = partial(_day, zone=zone)
        today = day_of(now_ms)
        dates = [today - timedelta(days=back) for back in range(call.days - 1, -1, -1)]
        start = datetime(dates[0].year, dates[0].month, dates[0].day, tzinfo=zone)
        agent_id = None if call.agent_scope == "all" else call.agent_id
        buckets = await self._facts.usage(round(start.timestamp() * 1000), now_ms, agent_id)
        by_day: dict[date, list[UsageBucket]] = {}
        for bucket in buckets:
            by_day.setdefault(day_of(bucket.start_ms), []).append(bucket)
        kept = [bucket for day in dates for bucket in by_day.get(day, ())]
        return UsageCostResult(
            updated_at=now_ms,
            days=call.days,
            daily=[_day_row(day, by_day.get(day, ())) for day in dates],
            totals=_totals(kept),
            cache_status=UsageCacheStatus(status="fresh", cached_files=0, pending_files=0, stale_files=0),
        )

    def status(self) -> UsageStatusResult:
        """Allowances of the providers in use."""
        return UsageStatusResult(updated_at=self._clock.now_ms(), providers=list(self._facts.providers()))


def _totals(buckets: Iterable[UsageBucket]) -> UsageTotals:
    kept = list(buckets)

    def tokens(name: str) -> int:
        return sum(getattr(bucket, name) for bucket in kept)

    def dollars(name: str) -> float:
        # Rounded where binary fractions end to mean anything: a millionth of a cent.
        return round(sum(getattr(bucket, name) for bucket in kept), 8)

    return UsageTotals(
        input=tokens("input"),
        output=tokens("output"),
        cache_read=tokens("cache_read"),
        cache_write=tokens("cache_write"),
        total_tokens=sum(map(tokens, _TOKENS)),
        total_cost=round(sum(map(dollars, _COSTS)), 8),
        input_cost=dollars("input_cost"),
        output_cost=dollars("output_cost"),
        cache_read_cost=dollars("cache_read_cost"),
        cache_write_cost=dollars("cache_write_cost"),
        missing_cost_entries=tokens("missing_cost_entries"),
    )


def _day_row(day: date, buckets: Iterable[UsageBucket]) -> UsageDay:
    return msgspec.convert({**msgspec.to_builtins(_totals(buckets)), "date": day.isoformat()}, UsageDay)


def _day(at_ms: int, zone: tzinfo | None) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _zone(call: UsageCost) -> tzinfo | None:
    """The zone days are counted in; None is the machine's."""
    if call.mode == "utc":
        return UTC
    if call.mode != "specific" or call.time_zone is None:
        return datetime.now(UTC).astimezone().tzinfo
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # 2 ms that a start need not spend

    try:
        return ZoneInfo(call.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest(f"timeZone: {call.time_zone!r} is not known", {"field": "timeZone"}) from error
