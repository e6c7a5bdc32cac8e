"""Usage adds up, day by day, in the asked-for time zone."""

from collections.abc import Iterable

import pytest

from gateway.operations.facts import Facts, UsageBucket
from gateway.operations.usage import UsageReports
from protocol.errors import InvalidRequest
from protocol.methods.usage import UsageCost
from tests.support.clock import FakeClock

NOON = 1_795_176_000_000  # 2026-11-20T12:00:00Z
HOUR = 3_600_000


class Ledger:
    """A few calls of two agents."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, str | None]] = []

    async def __call__(self, start_ms: int, end_ms: int, agent_id: str | None) -> Iterable[UsageBucket]:
        self.asked.append((start_ms, end_ms, agent_id))
        return [
            UsageBucket(start_ms=NOON - HOUR, input=100, output=20, input_cost=0.1, output_cost=0.2),
            UsageBucket(start_ms=NOON - 2 * HOUR, input=1, cache_read=5, missing_cost_entries=1),
            UsageBucket(start_ms=NOON - 13 * HOUR, output=7, output_cost=0.07),
            UsageBucket(start_ms=NOON - 90 * 24 * HOUR, output=1000),
        ]


def reports(ledger: Ledger | None = None) -> UsageReports:
    facts = Facts() if ledger is None else Facts(usage=ledger)
    return UsageReports(facts, FakeClock(now_ms=NOON))


async def test_every_day_is_there_and_sums_agree() -> None:
    ledger = Ledger()
    result = await reports(ledger).cost(UsageCost(days=3, mode="utc"))
    assert [day.date for day in result.daily] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert [day.total_tokens for day in result.daily] == [0, 7, 126]
    assert (result.totals.total_tokens, result.totals.total_cost) == (133, 0.37)
    assert result.totals.missing_cost_entries == 1
    assert ledger.asked == [(NOON - 60 * HOUR, NOON, None)]


async def test_days_follow_the_time_zone() -> None:
    result = await reports(Ledger()).cost(
        UsageCost(days=2, mode="specific", time_zone="Asia/Tokyo", agent_id="main")
    )
    assert [(day.date, day.total_tokens) for day in result.daily] == [("2026-11-19", 0), ("2026-11-20", 133)]


async def test_nothing_used_is_zero() -> None:
    result = await reports().cost(UsageCost())
    assert len(result.daily) == 30
    assert result.totals.total_cost == 0


@pytest.mark.parametrize("zone", ["Nowhere/City", "../etc/passwd", "/etc/passwd", "\x00", "Europe"])
async def test_unknown_zones_are_refused(zone: str) -> None:
    with pytest.raises(InvalidRequest, match="timeZone"):
        await reports().cost(UsageCost(mode="specific", time_zone=zone))
