"""The ledger across crashes, days and agents (rows S0.1-5, S2.3-9)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.agents.usage import KEPT_DAYS, UsageLedger
from gateway.agents.usage_model import NUSD, BudgetExceeded, CallFacts, Caps, Rates, Tokens
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from tests.support.clock import FakeClock

MIGRATIONS = load_migrations("agents", "gateway.agents")
DOLLAR_A_TOKEN = Rates(NUSD, NUSD, 0.0, 2 * NUSD)


def facts(agent_id: str = "main") -> CallFacts:
    return CallFacts(
        agent_id=agent_id, session_key="k", session_id="s", run_id="r", provider="local", model="m"
    )


class Books:
    """A ledger that can be closed as by a crash and opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock(now_ms=1_800_000_000_000)

    async def open(self) -> UsageLedger:
        self.database = await Database.open(self.path, MIGRATIONS)
        ledger = UsageLedger(self.database, self.clock)
        await ledger.start()
        return ledger


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    books = Books(tmp_path / "state.db")
    yield books
    await books.database.close()


async def test_a_crash_leaves_the_reservation_spent(books: Books) -> None:
    """Fail closed: the provider may have charged for a call whose end nobody saw."""
    ledger = await books.open()
    await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(input=2, output=3), Caps())
    await books.database.close()
    ledger = await books.open()
    assert await ledger.spent_usd() == 7.0  # two tokens at the dearest way to read them, three to write
    with pytest.raises(BudgetExceeded, match=r"all agents may spend \$8 a day"):
        await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=2), Caps(daily=8 * NUSD))
    (bucket,) = await ledger.buckets(0, books.clock.now_ms(), None)
    assert bucket.output_cost == 7.0


async def test_parallel_calls_cannot_pass_a_cap_together(books: Books) -> None:
    ledger = await books.open()
    caps = Caps(daily=10 * NUSD)
    made = 0
    for _ in range(20):
        try:
            await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=3), caps)
            made += 1
        except BudgetExceeded:
            break
    assert made == 3


async def test_settling_replaces_the_estimate_once(books: Books) -> None:
    ledger = await books.open()
    call = await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=100), Caps())
    used = Tokens(input=1, output=2, cache_read=50, cache_write=1)
    assert await ledger.settle(call, DOLLAR_A_TOKEN, used) == 5.0
    assert await ledger.settle(call, DOLLAR_A_TOKEN, used) == 5.0  # a second report changes nothing
    await ledger.release(call)
    assert await ledger.spent_usd() == 5.0
    (bucket,) = await ledger.buckets(0, books.clock.now_ms(), "main")
    assert (bucket.input, bucket.output, bucket.cache_read, bucket.cache_write) == (1, 2, 50, 1)


async def test_agents_and_days_are_counted_apart(books: Books) -> None:
    ledger = await books.open()
    caps = Caps(agent_daily=3 * NUSD)
    await ledger.reserve(facts("a"), DOLLAR_A_TOKEN, Tokens(output=3), caps)
    with pytest.raises(BudgetExceeded, match="agent a may spend"):
        await ledger.reserve(facts("a"), DOLLAR_A_TOKEN, Tokens(output=1), caps)
    await ledger.reserve(facts("b"), DOLLAR_A_TOKEN, Tokens(output=3), caps)
    assert await ledger.spent_usd("a") == 3.0
    assert await ledger.spent_usd() == 6.0
    books.clock.move(86_400)
    await ledger.reserve(facts("a"), DOLLAR_A_TOKEN, Tokens(output=3), caps)
    assert await ledger.spent_usd() == 3.0


async def test_a_call_settled_after_midnight_belongs_to_the_day_it_began(books: Books) -> None:
    ledger = await books.open()
    call = await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=3), Caps())
    books.clock.move(86_400)
    await ledger.settle(call, DOLLAR_A_TOKEN, Tokens(output=1))
    assert await ledger.spent_usd() == 0.0


async def test_the_month_is_the_sum_of_its_days(books: Books) -> None:
    ledger = await books.open()
    caps = Caps(monthly=5 * NUSD)
    await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=3), caps)
    books.clock.move(86_400)
    with pytest.raises(BudgetExceeded, match=r"\$5 a month, \$3 is spent, and this call may cost \$3"):
        await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=3), caps)
    books.clock.move(31 * 86_400)
    await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=3), caps)


async def test_calls_are_summed_by_quarter_of_an_hour(books: Books) -> None:
    ledger = await books.open()
    for _ in range(4):
        call = await ledger.reserve(facts(), None, Tokens(), Caps())
        await ledger.settle(call, None, Tokens(output=1))
        books.clock.move(450)
    buckets = await ledger.buckets(0, books.clock.now_ms(), None)
    assert [bucket.output for bucket in buckets] == [2, 2]
    assert sum(bucket.missing_cost_entries for bucket in buckets) == 4


async def test_old_calls_are_pruned(books: Books) -> None:
    ledger = await books.open()
    call = await ledger.reserve(facts(), DOLLAR_A_TOKEN, Tokens(output=1), Caps())
    await ledger.settle(call, DOLLAR_A_TOKEN, Tokens(output=1))
    books.clock.move((KEPT_DAYS + 1) * 86_400)
    await ledger.prune()
    assert await ledger.buckets(0, books.clock.now_ms(), None) == []
    rows = await books.database.read(lambda tx: tx.execute("SELECT count(*) FROM spending").fetchone())
    assert rows == (0,)
