"""What models cost: reserved before, settled after, capped always (rows S0.1-5, S0.0-3: fail closed)."""

from typing import Any

import pytest

from gateway.agents.llm.rates import rates_of
from gateway.agents.model import AgentFailed, ModelSelected, UsageReported
from gateway.agents.usage_model import FREE
from gateway.kernel.store.errors import StoreFull
from tests.gateway.agents.llm.conftest import Bench, settings_of
from tests.support import odd_provider as odd
from tests.support.odd_provider import OddProvider, refuse
from tests.support.turns import text_of

PRICED = {"scripted": {"max_output_tokens": 1000, "price": {"input": 3.0, "output": 15.0}}}
"""A call of 100 tokens in and 10 out costs $0.00045; a thousand tokens of output are reserved at $0.015."""


async def test_a_call_costs_what_the_provider_counted(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        bench.configure(providers={"local": provider(server.base_url, models=PRICED)})
        events = await bench.run("hello")
    usage = next(event for event in events if isinstance(event, UsageReported))
    assert (usage.input_tokens, usage.output_tokens) == (100, 10)
    assert usage.cost_usd == pytest.approx(0.00045)
    assert await bench.ledger.spent_usd() == pytest.approx(0.00045)
    (bucket,) = await bench.ledger.buckets(0, bench.clock.now_ms() + 1, None)
    assert (bucket.input, bucket.output, bucket.missing_cost_entries) == (100, 10, 0)
    assert bucket.input_cost + bucket.output_cost == pytest.approx(0.00045)


async def test_a_call_that_could_pass_the_cap_is_not_made(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        settings = {"providers": {"local": provider(server.base_url, models=PRICED)}}
        bench.configure(**settings, budget={"daily_usd": 0.01})
        with pytest.raises(AgentFailed, match=r"all agents may spend \$0.01 a day") as failed:
            await bench.run("hello")
        assert failed.value.reason == "budget"
        assert server.requests == []
        bench.configure(**settings, budget={"daily_usd": 0.02})
        await bench.run("hello")
    assert await bench.rows("state") == [("settled",)]


async def test_calls_stop_before_the_cap_and_go_on_the_next_day(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        bench.configure(
            providers={"local": provider(server.base_url, models=PRICED)}, budget={"daily_usd": 0.0172}
        )
        made = 0
        refusal = ""
        while not refusal and made < 50:
            try:
                await bench.run("hello")
                made += 1
            except AgentFailed as failed:
                refusal = failed.message
        assert "may spend" in refusal
        assert 1 <= made < 10
        assert len(server.requests) == made
        assert await bench.ledger.spent_usd() <= 0.0172
        bench.clock.move(86_400)
        await bench.run("hello")


async def test_months_and_agents_have_caps_of_their_own(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        settings = {"providers": {"local": provider(server.base_url, models=PRICED)}}
        bench.configure(**settings, budget={"monthly_usd": 0.001})
        with pytest.raises(AgentFailed, match="a month"):
            await bench.run("hello")
        bench.configure(**settings, entries={"main": {"daily_usd": 0.001}})
        with pytest.raises(AgentFailed, match="agent main may spend"):
            await bench.run("hello")
        assert server.requests == []


async def test_without_a_price_a_cap_cannot_be_kept_so_nothing_is_sent(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        bench.configure(
            providers={"local": provider(server.base_url, free=False)}, budget={"daily_usd": 100.0}
        )
        with pytest.raises(AgentFailed, match=r'set agents.providers.local.models."scripted".price'):
            await bench.run("hello")
        assert server.requests == []
        bench.configure(providers={"local": provider(server.base_url, free=False)})
        events = await bench.run("hello")
    assert next(event for event in events if isinstance(event, UsageReported)).cost_usd is None
    (bucket,) = await bench.ledger.buckets(0, bench.clock.now_ms() + 1, None)
    assert bucket.missing_cost_entries == 1


async def test_a_ledger_that_cannot_be_written_stops_the_call(
    bench: Bench, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StoreFull("state.db")

    async with OddProvider([odd.answer]) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        monkeypatch.setattr(bench.database, "write", full)
        with pytest.raises(StoreFull):
            await bench.run("hello")
        assert server.requests == []


async def test_a_cheap_model_takes_over_when_the_dear_one_is_too_dear(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        bench.configure(
            providers={"local": provider(server.base_url, models=PRICED), "spare": provider(server.base_url)},
            budget={"daily_usd": 0.001},
        )
        events = await bench.run("hello", fallbacks=("spare/free",))
    assert [event for event in events if isinstance(event, ModelSelected)][-1] == ModelSelected(
        "spare", "free"
    )
    assert text_of(events) == "All is well."


async def test_refused_calls_give_their_reservation_back(bench: Bench, provider: Any) -> None:
    async with OddProvider([refuse("400 Bad Request")]) as server:
        bench.configure(
            providers={"local": provider(server.base_url, models=PRICED)}, budget={"daily_usd": 0.02}
        )
        for _ in range(5):
            with pytest.raises(AgentFailed, match="HTTP 400"):
                await bench.run("hello")
    assert await bench.ledger.spent_usd() == 0.0
    assert await bench.rows("state") == []


async def test_an_answer_nobody_counted_is_counted_by_us(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer_uncounted]) as server:
        bench.configure(providers={"local": provider(server.base_url, models=PRICED)})
        await bench.run("hello")
    ((state, tokens_in, tokens_out),) = await bench.rows("state, input_tokens, output_tokens")
    assert state == "unsettled"
    assert tokens_in > 10
    assert tokens_out == len("Nobody counts.") // 4


async def test_prices_come_from_the_settings_then_the_list_and_never_from_a_guess() -> None:
    providers = settings_of(
        {
            "providers": {
                "mine": {
                    "models": {"gpt-4o-mini": {"price": {"input": 1.0, "output": 2.0, "cache_read": 0.5}}}
                },
                "vendor": {"kind": "openai"},
                "proxy": {"kind": "openai", "base_url": "https://proxy.example/v1"},
                "here": {"kind": "openai", "base_url": "http://127.0.0.1:11434/v1"},
            }
        }
    ).providers
    mine = rates_of(providers["mine"], "gpt-4o-mini")
    assert mine is not None
    assert (mine.input, mine.output, mine.cache_read, mine.cache_write) == (1000.0, 2000.0, 500.0, 1000.0)
    listed = rates_of(providers["vendor"], "gpt-4o-mini")
    assert listed is not None
    assert 0 < listed.input < listed.output
    assert rates_of(providers["vendor"], "no-such-model") is None
    assert rates_of(providers["proxy"], "gpt-4o-mini") is None
    assert rates_of(providers["here"], "qwen3:4b") == FREE
