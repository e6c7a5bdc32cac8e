"""What went wrong at a provider, in our own words and reasons."""

from typing import Final

import msgspec
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
)

from gateway.agents.model import AgentFailed, FailureReason
from gateway.kernel.secret import MASK, Secret

MAX_DETAIL_CHARS: Final = 300
"""Of what a provider says; some answer a whole web page."""

_WORDS: Final[dict[FailureReason, str]] = {
    "auth": "the provider refused the API key; check agents.providers.{provider}.api_key",
    "rate_limit": "the provider limits how often it may be asked; try again later",
    "billing": "the account at the provider has no credit left",
    "context_overflow": "the conversation is too long for this model; begin a new one or use another model",
    "model_not_found": "the provider has no such model, or its address is wrong",
    "format": "the provider rejected the request",
    "content_filter": "the provider's filter stopped the answer",
    "timeout": "the provider did not answer in time",
    "unavailable": "the provider cannot be reached or is out of order",
    "unknown": "the provider answered something unexpected",
}

_REASONS: Final[tuple[tuple[type[Exception], FailureReason, bool], ...]] = (
    (ModelAuthenticationError, "auth", False),
    (ModelContextWindowExceededError, "context_overflow", False),
    (ModelNotFoundError, "model_not_found", False),
    (ModelRequestRejectedError, "format", False),
    (ModelQuotaExceededError, "billing", False),
    (ModelRateLimitError, "rate_limit", True),
    (ModelTimeoutError, "timeout", True),
    (ModelRequestTimeout, "timeout", True),
    (ModelConnectionError, "unavailable", True),
    (ModelUnavailableError, "unavailable", True),
    (ModelServerError, "unavailable", True),
    (ContentFilterError, "content_filter", False),
)
"""Exception, reason, and whether asking again may help; the first that fits."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What to make of a failed call."""

    failure: AgentFailed
    charged: bool
    """False when the provider refused the request before doing anything."""
    provider_fault: bool
    """Whether it says something about the provider's state, as its breaker counts it."""
    retry_after_s: float | None


def diagnose(error: AgentRunError, provider: str, model: str, key: Secret | None) -> Diagnosis:
    """The failure to report, and what follows from it; `key` is masked in what the provider said."""
    reason, retryable = _classified(error)
    wait_s = error.retry_after if isinstance(error, ModelAPIError) else None
    refused = isinstance(error, ModelHTTPError) and not error.in_stream
    unsent = isinstance(error, ModelConnectionError) and error.phase in {"pool", "connect"}
    return Diagnosis(
        failure=AgentFailed(
            _message(error, reason, provider, key),
            provider=provider,
            model=model,
            reason=reason,
            retryable=retryable,
        ),
        charged=not (refused or unsent),
        provider_fault=retryable,
        retry_after_s=wait_s,
    )


def _classified(error: AgentRunError) -> tuple[FailureReason, bool]:
    for kind, reason, retryable in _REASONS:
        if isinstance(error, kind):
            return reason, retryable
    return "unknown", False


def _message(error: AgentRunError, reason: FailureReason, provider: str, key: Secret | None) -> str:
    text = f"LLM request failed: {_WORDS[reason].format(provider=provider)}"
    status = f"HTTP {error.status_code}" if isinstance(error, ModelHTTPError) else ""
    said = _said(getattr(error, "body", None))
    if key is not None and key.available:
        said = said.replace(key.reveal(), MASK)
    detail = ": ".join(part for part in (status, said) if part)
    return f"{text} ({detail})" if detail else text


def _said(body: object) -> str:
    """The provider's own message out of the usual error bodies."""
    for _ in range(2):
        if isinstance(body, dict):
            inner: object = body.get("error") or body.get("message")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            body = inner if inner is not None else ""  # pyright: ignore[reportUnknownVariableType]
    text = body if isinstance(body, str) else ""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= MAX_DETAIL_CHARS else f"{line[:MAX_DETAIL_CHARS]}…"
