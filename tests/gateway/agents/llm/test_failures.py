"""Providers that fail: told apart, retried, rested, replaced, never half believed (rows S0.3-5, S3.F-4)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from gateway.agents.model import AgentFailed, Finished, ModelSelected, TextDelta, TurnEvent
from tests.gateway.agents.llm.conftest import Bench
from tests.support import odd_provider as odd
from tests.support.odd_provider import Behaviour, OddProvider, refuse
from tests.support.turns import text_of, turn_of


@pytest.mark.parametrize(
    ("behaviour", "reason", "said"),
    [
        (refuse("400 Bad Request", "tools.0 is odd"), "format", "HTTP 400: tools.0 is odd"),
        (
            refuse("401 Unauthorized", "bad key"),
            "auth",
            "check agents.providers.local.api_key (HTTP 401: bad key)",
        ),
        (refuse("403 Forbidden"), "auth", "refused the API key"),
        (refuse("404 Not Found"), "model_not_found", "no such model"),
        (refuse("402 Payment Required"), "billing", "no credit left"),
        (refuse("429 Too Many Requests", retry_after=120), "rate_limit", "limits how often"),
        (refuse("500 Internal Server Error"), "unavailable", "HTTP 500"),
        (refuse("503 Service Unavailable"), "unavailable", "HTTP 503"),
        (
            refuse("400 Bad Request", "too long", kind="context_length_exceeded"),
            "context_overflow",
            "too long for this model",
        ),
        (odd.drop, "unavailable", "cannot be reached"),
        (odd.break_off, "unavailable", "cannot be reached"),
        (odd.nonsense, "unknown", "LLM request failed"),
        (odd.garbled, "unknown", "answered something unexpected"),
        (odd.alien, "unknown", "answered something unexpected"),
        (odd.answer_nothing, "unknown", "answered nothing"),
        (odd.silence, "timeout", "did not answer in time"),
    ],
)
async def test_each_failure_has_its_reason_and_next_step(
    bench: Bench, provider: Any, behaviour: Behaviour, reason: str, said: str
) -> None:
    async with OddProvider([behaviour]) as server:
        bench.configure(providers={"local": provider(server.base_url, silence_s=0.5)})
        with pytest.raises(AgentFailed) as failed:
            await bench.run("hello")
    assert failed.value.reason == reason
    assert said in failed.value.message
    assert failed.value.message.startswith("LLM request failed: ")
    assert (failed.value.provider, failed.value.model) == ("local", "scripted")
    assert failed.value.code == "UNAVAILABLE"
    assert failed.value.details["reason"] == reason


async def test_a_passing_failure_is_asked_again_with_growing_pauses(bench: Bench, provider: Any) -> None:
    behaviours: list[Behaviour] = [refuse("503 Service Unavailable"), odd.drop, odd.answer]
    async with OddProvider(behaviours) as server:
        bench.configure(providers={"local": provider(server.base_url, attempts=3)})
        events = await bench.run("hello")
    assert text_of(events) == "All is well."
    assert [event for event in events if isinstance(event, ModelSelected)] == [
        ModelSelected("local", "scripted")
    ]
    assert len(server.requests) == 3
    first, second = bench.pauses.waited[:2]
    assert 0.3 < first <= 0.5 < second <= 1.0
    # Two refused calls cost nothing and leave no trace; the third is accounted for.
    assert await bench.rows("state") == [("settled",)] or await bench.rows("state") == [
        ("unsettled",),
        ("settled",),
    ]


async def test_a_provider_that_names_a_short_pause_is_given_it(bench: Bench, provider: Any) -> None:
    async with OddProvider([refuse("429 Too Many Requests", retry_after=7), odd.answer]) as server:
        bench.configure(providers={"local": provider(server.base_url, attempts=2)})
        await bench.run("hello")
    assert bench.pauses.waited[0] == 7.0


async def test_what_cannot_get_better_is_not_asked_again(bench: Bench, provider: Any) -> None:
    async with OddProvider([refuse("401 Unauthorized")]) as server:
        bench.configure(providers={"local": provider(server.base_url, attempts=5)})
        with pytest.raises(AgentFailed):
            await bench.run("hello")
    assert len(server.requests) == 1


async def test_half_an_answer_is_never_continued_by_another_attempt(bench: Bench, provider: Any) -> None:
    """Bad input: a connection that breaks in the middle; the words already shown stay, the turn fails."""
    async with OddProvider([odd.break_off, odd.answer]) as server:
        bench.configure(
            providers={"local": provider(server.base_url, attempts=3), "spare": provider(server.base_url)}
        )
        seen: list[TurnEvent] = []

        async def listen() -> None:
            async for event in bench.stream("hello", fallbacks=("spare/other", "homarus/offline")):
                seen.append(event)  # noqa: PERF401 - what came before the failure is what counts

        with pytest.raises(AgentFailed):
            await listen()
    assert text_of(seen) == "Half "
    assert len(server.requests) == 1
    assert await bench.rows("state") == [("unsettled",)]


async def test_the_next_model_takes_over(bench: Bench, provider: Any) -> None:
    async with OddProvider([refuse("500 Oops")]) as broken, OddProvider([odd.answer]) as working:
        bench.configure(providers={"local": provider(broken.base_url), "spare": provider(working.base_url)})
        events = await bench.run("hello", fallbacks=("spare/other",))
    selected = [event for event in events if isinstance(event, ModelSelected)]
    assert selected == [ModelSelected("local", "scripted"), ModelSelected("spare", "other")]
    assert text_of(events) == "All is well."


async def test_the_offline_assistant_takes_over_and_says_so(bench: Bench, provider: Any) -> None:
    """Row S0.3-5: the cloud is down; a local answer with an explicit status."""
    async with OddProvider([odd.drop]) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run("2+2", fallbacks=("homarus/offline",))
    said = text_of(events)
    assert said.startswith("LLM request failed: the provider cannot be reached")
    assert "The offline assistant answers instead." in said
    assert said.endswith("2+2 = 4")
    assert ModelSelected("homarus", "offline") in events
    assert events[-1] == Finished("stop")


async def test_a_provider_that_keeps_failing_is_left_alone_then_tried_once(
    bench: Bench, provider: Any
) -> None:
    behaviours: list[Behaviour] = [refuse("500 Oops")] * 5 + [odd.answer]
    async with OddProvider(behaviours) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        for _ in range(4):
            with pytest.raises(AgentFailed, match="HTTP 500"):
                await bench.run("hello")
        with pytest.raises(AgentFailed, match="failed several times and is tried again in 15 s") as resting:
            await bench.run("hello")
        assert len(server.requests) == 4
        assert resting.value.reason == "unavailable"
        bench.clock.move(15.1)
        with pytest.raises(AgentFailed, match="HTTP 500"):
            await bench.run("hello")
        with pytest.raises(AgentFailed, match="tried again in 30 s"):
            await bench.run("hello")
        bench.clock.move(30.1)
        assert text_of(await bench.run("hello")) == "All is well."
        assert text_of(await bench.run("hello")) == "All is well."
    opened, again, closed = bench.changes
    assert "HTTP 500" in opened[1]
    assert "HTTP 500" in again[1]
    assert closed == ("local", "")


async def test_refused_requests_do_not_open_the_breaker(bench: Bench, provider: Any) -> None:
    async with OddProvider([refuse("400 Bad Request")]) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        for _ in range(6):
            with pytest.raises(AgentFailed, match="HTTP 400"):
                await bench.run("hello")
    assert len(server.requests) == 6


async def test_an_abort_closes_the_stream_and_is_paid_for(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.endless]) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        heard = asyncio.Event()

        async def listen() -> None:
            async for event in bench.stream("talk"):
                if isinstance(event, TextDelta):
                    heard.set()

        turn = asyncio.ensure_future(listen())
        await heard.wait()
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        await asyncio.wait_for(server.hung_up.wait(), 1.0)
    ((state, written),) = await bench.rows("state, output_tokens")
    assert state == "unsettled"
    assert written > 0


async def test_leaving_a_stream_closes_it_too(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.endless]) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        stream = cast("AsyncGenerator[object]", bench.stream("talk"))
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        await stream.aclose()
        await asyncio.wait_for(server.hung_up.wait(), 1.0)


async def test_a_missing_key_is_named_before_anything_is_sent(bench: Bench, provider: Any) -> None:
    async with OddProvider([odd.answer]) as server:
        bench.configure(providers={"local": provider(server.base_url, api_key={"env": "X"})})
        with pytest.raises(AgentFailed, match="environment variable X is not set") as failed:
            await bench.run("hello")
    assert failed.value.reason == "auth"
    assert server.requests == []


async def test_an_unknown_provider_is_named(bench: Bench) -> None:
    bench.configure()
    with pytest.raises(AgentFailed, match="there is no provider 'gone'"):
        await bench.run(turn_of("hello", model="gone/model"))


async def test_a_key_never_shows_in_errors(bench: Bench, provider: Any) -> None:
    async with OddProvider([refuse("401 Unauthorized", "key sk-scripted-model is wrong")]) as server:
        bench.configure(providers={"local": provider(server.base_url)})
        with pytest.raises(AgentFailed) as failed:
            await bench.run("hello")
    assert "sk-scripted-model" not in failed.value.message
