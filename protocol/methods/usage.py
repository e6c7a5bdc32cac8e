"""What agents used and what it cost.

Source: shapes as recorded from OpenClaw 2026.9.6.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Scope


class UsageTotals(Wire):
    """Tokens and US dollars."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    total_tokens: int
    total_cost: float
    input_cost: float
    output_cost: float
    cache_read_cost: float
    cache_write_cost: float
    missing_cost_entries: int
    """Model calls whose price is not known."""


class UsageDay(UsageTotals):
    """One calendar day."""

    date: str
    """`2026-11-20`."""


class UsageCacheStatus(Wire):
    """How current the figures are; ours are read from the ledger."""

    status: Literal["fresh"]
    cached_files: int
    pending_files: int
    stale_files: int


class UsageCostResult(Wire):
    """Usage by day, oldest first, every day of the range present."""

    updated_at: int
    days: int
    daily: list[UsageDay]
    totals: UsageTotals
    cache_status: UsageCacheStatus


@method("usage.cost", Scope.READ)
class UsageCost(Call[UsageCostResult]):
    """Tokens and cost per day, up to and including today."""

    days: Annotated[int, Meta(ge=1, le=3660)] = 30
    agent_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    agent_scope: Literal["all"] | None = None
    mode: Literal["gateway", "utc", "specific"] = "gateway"
    """Whose days: the machine's time zone, UTC, or `timeZone`."""
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """IANA name such as `Europe/Berlin`."""


class UsageWindow(Wire):
    """How much of a provider's allowance is used."""

    label: str
    used_percent: float
    reset_at: int | None = None


class ProviderUsage(Wire):
    """One model provider."""

    provider: str
    display_name: str
    windows: list[UsageWindow]
    error: str | None = None


class UsageStatusResult(Wire):
    """Allowances of all configured providers."""

    updated_at: int
    providers: list[ProviderUsage]


@method("usage.status", Scope.READ)
class UsageStatus(Call[UsageStatusResult]):
    """How much of each provider's allowance is left."""
