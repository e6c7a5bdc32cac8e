"""One turn with a model: calls, tools, retries, fallbacks and steering, as one stream of events."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import msgspec
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolReturnPart, UserPromptPart

from gateway.agents.breaker import Breakers
from gateway.agents.llm.calls import Call, CallFailed, Request
from gateway.agents.llm.providers import Providers
from gateway.agents.llm.rates import rates_of
from gateway.agents.llm.tooling import ToolBench
from gateway.agents.model import (
    AgentFailed,
    Finished,
    ModelSelected,
    Steering,
    StopReason,
    TextDelta,
    Turn,
    TurnEvent,
)
from gateway.agents.settings import OFFLINE_MODEL, AgentsSettings, ProviderEntry
from gateway.agents.usage import UsageLedger
from gateway.agents.usage_model import NUSD, CallFacts, Caps
from gateway.kernel.clock import Clock
from gateway.kernel.retry import Backoff

FIRST_RETRY_S: Final = 0.5
MAX_RETRY_S: Final = 20.0
"""The longest pause before asking again; a provider that wants a longer one is given up for this turn."""

_STOP: Final[dict[str, StopReason]] = {"length": "length", "content_filter": "content_filter"}

logger = logging.getLogger(__name__)


class TurnTools(msgspec.Struct, frozen=True, kw_only=True):
    """What every turn works with."""

    settings: AgentsSettings
    providers: Providers
    ledger: UsageLedger
    breakers: Breakers
    clock: Clock


class OnlyOffline(Exception):
    """No model is left but the embedded assistant; carries why the last one failed."""

    def __init__(self, failure: AgentFailed) -> None:
        super().__init__(failure.message)
        self.failure = failure


class LlmTurn:
    """Runs one turn to its end."""

    def __init__(
        self, parts: TurnTools, turn: Turn, models: list[str], bench: ToolBench, messages: list[ModelMessage]
    ) -> None:
        """Prepare a turn.

        Args:
            parts: What it works with.
            turn: The turn.
            models: Whom to ask, first to last, as `provider/model`.
            bench: The agent's tools.
            messages: The conversation with the message to answer at its end.
        """
        self._parts = parts
        self._turn = turn
        self._models = models
        self._bench = bench
        self._messages = messages
        self._selected = ""
        self._spoke = False
        self._acted = False

    async def events(self, steering: Steering) -> AsyncGenerator[TurnEvent]:
        """Everything that happens, ending with `Finished`.

        Raises:
            AgentFailed: no model could answer.
            OnlyOffline: the next in line is the embedded assistant, and nothing was said or done yet.
        """
        for _ in range(self._parts.settings.max_tool_rounds):
            async with aclosing(self._round()) as events:
                async for event in events:
                    yield event
            response = self._messages[-1]
            assert isinstance(response, ModelResponse)  # noqa: S101 - `_round` put it there
            results: list[ToolReturnPart | UserPromptPart] = []
            for call in response.tool_calls:
                self._acted = True
                async with aclosing(self._bench.run(call)) as events:
                    async for event in events:
                        yield event
                results.append(self._bench.result)
            results += [UserPromptPart(content=text) for text in await steering.next_messages()]
            if not results:
                yield self._finished(response)
                return
            self._messages.append(ModelRequest(parts=results))
        yield Finished("tool_limit")

    def _finished(self, response: ModelResponse) -> Finished:
        if not self._spoke and not self._acted:
            provider, _, model = self._selected.partition("/")
            message = "LLM request failed: the model answered nothing; ask again or choose another model"
            raise AgentFailed(message, provider=provider, model=model, reason="unknown", retryable=True)
        return Finished(_STOP.get(response.finish_reason or "", "stop"))

    async def _round(self) -> AsyncGenerator[TurnEvent]:
        """One answer of the first model that gives one; it is then the last of the messages."""
        while True:
            name = self._models[0]
            try:
                async with aclosing(self._ask(name)) as events:
                    async for event in events:
                        yield event
            except CallFailed as failed:
                if failed.spoke:
                    # Half an answer is on the person's screen; another model cannot finish its sentence.
                    raise failed.diagnosis.failure from failed
                self._next_model(failed.diagnosis.failure)
            except AgentFailed as failure:
                self._next_model(failure)
            else:
                return

    def _next_model(self, failure: AgentFailed) -> None:
        """Go on with the next model.

        Raises:
            AgentFailed: `failure`, when there is none.
            OnlyOffline: it is the embedded assistant.
        """
        logger.warning("%s/%s failed: %s", failure.provider, failure.model, failure.message)
        rest = self._models[1:]
        if self._spoke or self._acted:
            # The embedded assistant would begin from the first message and do everything a second time.
            rest = [name for name in rest if name != OFFLINE_MODEL]
        if not rest:
            raise failure
        if rest[0] == OFFLINE_MODEL:
            raise OnlyOffline(failure)
        self._models = rest

    async def _ask(self, name: str) -> AsyncGenerator[TurnEvent]:
        """One model's answer, asked for again while that can help."""
        provider, _, model = name.partition("/")
        entry = self._parts.settings.providers.get(provider)
        if entry is None:
            message = f"LLM request failed: there is no provider {provider!r}; choose another model"
            raise AgentFailed(message, provider=provider, model=model, reason="model_not_found")
        backoff = Backoff(FIRST_RETRY_S, MAX_RETRY_S)
        for attempt in range(1, entry.attempts + 1):
            try:
                async with aclosing(self._attempt(provider, entry, model)) as events:
                    async for event in events:
                        yield event
            except CallFailed as failed:
                pause_s = _pause(failed, backoff)
                if failed.spoke or pause_s is None or attempt == entry.attempts:
                    raise
                logger.info("%s: %s; asking again in %.1f s", name, failed, pause_s)
                await self._parts.clock.sleep(pause_s)
            else:
                return

    async def _attempt(self, provider: str, entry: ProviderEntry, model: str) -> AsyncGenerator[TurnEvent]:
        breakers = self._parts.breakers
        call = Call(self._parts.ledger, self._request(provider, entry, model))
        if not breakers.admit(provider):
            raise self._resting(provider, model)
        decided = False
        try:
            if self._selected != f"{provider}/{model}":
                self._selected = f"{provider}/{model}"
                yield ModelSelected(provider, model)
            async with aclosing(self._shown(call)) as events:
                async for event in events:
                    yield event
            decided = True
            breakers.succeeded(provider)
        except CallFailed as failed:
            decided = True
            if failed.diagnosis.provider_fault:
                breakers.failed(provider, failed.diagnosis.failure.message)
            else:
                # A refusal is an answer: the provider is there.
                breakers.succeeded(provider)
            raise
        finally:
            if not decided:
                breakers.undecided(provider)

    async def _shown(self, call: Call) -> AsyncGenerator[TurnEvent]:
        """The call's events, its words apart from those of earlier rounds; its answer joins the messages."""
        fresh = self._spoke
        async with aclosing(call.events()) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    if fresh:
                        yield TextDelta("\n\n")
                    fresh, self._spoke = False, True
                yield event
        if call.response is not None:
            self._messages.append(call.response)

    def _request(self, provider: str, entry: ProviderEntry, model: str) -> Request:
        turn, settings = self._turn, self._parts.settings
        known = settings.model_entry(f"{provider}/{model}")
        return Request(
            facts=CallFacts(
                agent_id=turn.agent_id,
                session_key=turn.session_key,
                session_id=turn.session_id,
                run_id=turn.run_id,
                provider=provider,
                model=model,
            ),
            model=self._parts.providers.model(provider, entry, model),
            provider=entry,
            entry=known,
            rates=rates_of(entry, model),
            caps=_caps(settings, turn.agent_id),
            messages=tuple(self._messages),
            tools=self._bench.definitions() if known.tools else (),
            thinking=turn.thinking,
        )

    def _resting(self, provider: str, model: str) -> AgentFailed:
        wait_s = self._parts.breakers.wait_s(provider)
        problem = self._parts.breakers.problem(provider)
        text = f"LLM request not made: {provider} failed several times and is tried again in {wait_s:.0f} s"
        message = f"{text} ({problem})" if problem else text
        return AgentFailed(message, provider=provider, model=model, reason="unavailable", retryable=True)


def _pause(failed: CallFailed, backoff: Backoff) -> float | None:
    """Seconds to wait before asking again; None when that cannot help."""
    if not failed.diagnosis.failure.retryable:
        return None
    wanted_s = failed.diagnosis.retry_after_s
    if wanted_s is None:
        return backoff.next_s()
    return wanted_s if wanted_s <= MAX_RETRY_S else None


def _caps(settings: AgentsSettings, agent_id: str) -> Caps:
    entry = settings.entries.get(agent_id)
    limits = (settings.budget.daily_usd, settings.budget.monthly_usd, entry.daily_usd if entry else None)
    return Caps(*(None if usd is None else round(usd * NUSD) for usd in limits))
