"""What model calls use and cost: reserved before the call, settled after it, capped in between.

The cap is fail-closed. A call whose price is unknown, whose reservation cannot be written, or whose estimate
would pass a cap is not made. A call the gateway did not survive keeps its estimate, because the provider may
have charged for it; one that was cut short counts with what we saw of it.
"""

from typing import Final

import msgspec

from gateway.agents import usage_store
from gateway.agents.usage_model import FREE, NUSD, BudgetExceeded, CallFacts, Caps, Rates, Tokens
from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database
from gateway.operations.facts import UsageBucket

KEPT_DAYS: Final = 400
"""A year of calls and a month to compare it with."""


class UsageLedger:
    """The only place where usage is counted."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self) -> None:
        """Close the books on calls that were running when the gateway last ended."""
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: usage_store.unsettle_running(tx, now_ms))

    async def reserve(self, facts: CallFacts, rates: Rates | None, expected: Tokens, caps: Caps) -> int:
        """Set aside what a call may cost and return its id. `rates` None: the price is not known.

        Raises:
            BudgetExceeded: the call must not be made; the message says which limit and when it ends.
            StoreUnavailable: it cannot be written down, so it must not be made either.
        """
        if rates is None and caps.any:
            raise BudgetExceeded(
                f"{facts.provider}/{facts.model} has no price, so the spending limit cannot be kept; set "
                f'agents.providers.{facts.provider}.models."{facts.model}".price'
            )
        now_ms = self._clock.now_ms()
        estimate = rates.at_most(expected) if rates is not None else 0
        limit = await self._database.write(
            lambda tx: usage_store.reserve(tx, facts, estimate, caps, priced=rates is not None, now_ms=now_ms)
        )
        if isinstance(limit, str):
            raise BudgetExceeded(f"{limit}; nothing was sent to {facts.provider}")
        return limit

    async def settle(
        self, call_id: int, rates: Rates | None, tokens: Tokens, *, reported: bool = True
    ) -> float | None:
        """Write down what a call used and return its cost in dollars, None without a price.

        `reported` False: the tokens are our own count, because the call ended early.
        """
        cost = (rates or FREE).cost(tokens)
        now_ms = self._clock.now_ms()
        await self._database.write(
            lambda tx: usage_store.settle(tx, call_id, tokens, cost, reported=reported, now_ms=now_ms)
        )
        return None if rates is None else sum(msgspec.structs.astuple(cost)) / NUSD

    async def release(self, call_id: int) -> None:
        """Take back the reservation of a call the provider refused: it did nothing and charges nothing."""
        await self._database.write(lambda tx: usage_store.release(tx, call_id))

    async def spent_usd(self, agent_id: str | None = None) -> float:
        """What was spent and set aside since midnight UTC, by one agent or all."""
        day = usage_store.day_of(self._clock.now_ms())
        return await self._database.read(lambda tx: usage_store.spent(tx, day, agent_id or "")) / NUSD

    async def buckets(self, from_ms: int, to_ms: int, agent_id: str | None) -> list[UsageBucket]:
        """Usage of calls started in `[from_ms, to_ms]`, by quarter of an hour, oldest first."""
        return await self._database.read(lambda tx: usage_store.buckets(tx, from_ms, to_ms, agent_id))

    async def prune(self) -> None:
        """Delete calls older than `KEPT_DAYS`."""
        before_ms = self._clock.now_ms() - KEPT_DAYS * 86_400_000
        await self._database.write(lambda tx: usage_store.prune(tx, before_ms))
