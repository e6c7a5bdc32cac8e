"""One call of one model: streamed, counted, and paid for."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

import msgspec
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, UnexpectedModelBehavior
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings, ThinkingLevel
from pydantic_ai.tools import ToolDefinition

from gateway.agents.llm.failures import Diagnosis, diagnose
from gateway.agents.llm.history import size_of
from gateway.agents.model import AgentFailed, TextDelta, TurnEvent, UsageReported
from gateway.agents.settings import ModelEntry, ProviderEntry
from gateway.agents.usage import UsageLedger
from gateway.agents.usage_model import BudgetExceeded, CallFacts, Caps, Rates, Tokens
from gateway.kernel.log import printable

CHARS_PER_TOKEN_LOW: Final = 2
"""From above: even source code and Asian scripts rarely take more than a token for two characters."""

CHARS_PER_TOKEN: Final = 4
"""The usual figure for prose, for counting answers nobody counted for us."""

TOKENS_PER_IMAGE: Final = 2_000
"""A large picture at the vendors' own tiling."""

logger = logging.getLogger(__name__)


class CallFailed(Exception):
    """One call failed; carries what follows from it."""

    def __init__(self, diagnosis: Diagnosis, *, spoke: bool) -> None:
        super().__init__(diagnosis.failure.message)
        self.diagnosis = diagnosis
        self.spoke = spoke
        """Whether words of the answer were passed on before it failed."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask of which model."""

    facts: CallFacts
    model: Model
    provider: ProviderEntry
    entry: ModelEntry
    rates: Rates | None
    caps: Caps
    messages: Sequence[ModelMessage]
    tools: Sequence[ToolDefinition]
    thinking: str | None


class Call:
    """Runs once. After `events` has ended, `response` is the whole answer."""

    def __init__(self, ledger: UsageLedger, request: Request) -> None:
        self._ledger = ledger
        self._request = request
        self._written = 0
        self.response: ModelResponse | None = None

    async def events(self) -> AsyncGenerator[TurnEvent]:
        """The answer as it comes, then what it used.

        Raises:
            CallFailed: the provider did not answer, or not to the end.
            AgentFailed: the call was not made, because of a spending limit.
        """
        request = self._request
        call_id = await self._reserve()
        settled = False
        try:
            async with aclosing(self._streamed()) as pieces:
                async for piece in pieces:
                    self._written += len(piece)
                    yield TextDelta(piece)
            tokens, reported = self._tokens()
            settled = True
            cost = await self._ledger.settle(call_id, request.rates, tokens, reported=reported)
            yield UsageReported(tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, cost)
        except AgentRunError as error:
            diagnosis = diagnose(error, request.facts.provider, request.facts.model, request.provider.api_key)
            settled = True
            if diagnosis.charged:
                await self._ledger.settle(call_id, request.rates, self._seen(), reported=False)
            else:
                await self._ledger.release(call_id)
            raise CallFailed(diagnosis, spoke=self._written > 0) from error
        finally:
            if not settled:
                # Aborted: the provider charges for what it had read and written by then.
                await self._ledger.settle(call_id, request.rates, self._seen(), reported=False)

    async def _reserve(self) -> int:
        request = self._request
        chars, images = size_of(request.messages)
        chars += sum(
            len(str(tool.parameters_json_schema)) + len(tool.description or "") for tool in request.tools
        )
        expected = Tokens(
            input=chars // CHARS_PER_TOKEN_LOW + images * TOKENS_PER_IMAGE,
            output=request.entry.max_output_tokens,
        )
        try:
            return await self._ledger.reserve(request.facts, request.rates, expected, request.caps)
        except BudgetExceeded as error:
            raise AgentFailed(
                f"LLM request not made: {error.message}",
                provider=request.facts.provider,
                model=request.facts.model,
                reason="budget",
            ) from error

    async def _streamed(self) -> AsyncGenerator[str]:
        """Pieces of text; closing it closes the HTTP stream."""
        request = self._request
        parameters = ModelRequestParameters(function_tools=list(request.tools), allow_text_output=True)
        opened = model_request_stream(
            request.model,
            request.messages,
            model_settings=_settings(request),
            model_request_parameters=parameters,
        )
        try:
            async with opened as stream:
                async for event in stream:
                    if piece := _text_of(event):
                        yield piece
                self.response = stream.get()
        except AgentRunError:
            raise
        except Exception as error:  # vendors' libraries let their own errors out on answers they cannot read
            logger.warning("%s: %s", type(error).__name__, printable(str(error), 300))
            raise UnexpectedModelBehavior(f"{type(error).__name__} while reading the answer") from error

    def _tokens(self) -> tuple[Tokens, bool]:
        """What the provider counted; our own count when it did not."""
        usage = self.response.usage if self.response is not None else None
        if usage is None or not (usage.input_tokens or usage.output_tokens):
            return self._seen(), False
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        return (
            Tokens(
                input=max(0, usage.input_tokens - cached),
                output=usage.output_tokens,
                cache_read=usage.cache_read_tokens,
                cache_write=usage.cache_write_tokens,
            ),
            True,
        )

    def _seen(self) -> Tokens:
        chars, images = size_of(self._request.messages)
        return Tokens(
            input=chars // CHARS_PER_TOKEN + images * TOKENS_PER_IMAGE,
            output=self._written // CHARS_PER_TOKEN,
        )


def _text_of(event: ModelResponseStreamEvent) -> str:
    """The words an event of the stream brings; empty for everything else."""
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def _settings(request: Request) -> ModelSettings:
    settings = ModelSettings(
        max_tokens=request.entry.max_output_tokens,
        timeout=request.provider.silence_s,
        first_event_timeout=request.provider.silence_s,
        # Retries are ours: the library's would bypass the spending limit and the breaker.
        max_retries=0,
    )
    if request.entry.reasoning and request.thinking is not None:
        settings["thinking"] = _THINKING.get(request.thinking, True)
    return settings


_THINKING: Final[dict[str, ThinkingLevel]] = {
    "off": False,
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
}
