"""Models and the providers behind them.

Source: OpenClaw 2026.9.6 `ModelChoice`, and the answers recorded from it.
"""

from typing import Literal

from protocol.method import Wire
from protocol.nouns.agent import Choice

InputKind = Literal["text", "image", "audio", "video", "document"]

ProbeStatus = Literal["ok", "auth", "rate_limit", "billing", "timeout", "format", "unknown", "no_model"]


class ModelChoice(Wire):
    """A model a person may choose."""

    id: str
    """Without the provider; `provider/id` names it everywhere else."""
    name: str
    provider: str
    context_window: int | None = None
    """Tokens."""
    reasoning: bool
    tags: list[str] | None = None
    """`default` for the agent's own model, `fallback` for the ones behind it."""
    thinking_levels: list[Choice]
    thinking_default: str
    manual_selection_allowed: bool | None = None
    """Only for clients with capability `model-selection-policy`."""
    supports_tools: bool | None = None
    input: list[InputKind] | None = None
    """Only when details were asked for."""
    available: bool
    unavailable_reason: Literal["missing-auth", "auth-failed", "cooldown"] | None = None
    unavailable_until: int | None = None
    """Milliseconds; when a provider that failed is tried again."""


class ProviderOutcome(Wire):
    """What asking a provider for its models gave."""

    provider: str
    status: Literal["ready", "auth-rejected", "unavailable"]


class ApiKeySource(Wire):
    """Where a provider's key comes from; never the key."""

    source: Literal["config", "env", "file"]
    env_var: str | None = None


class ProviderAuth(Wire):
    """Whether a provider can be used."""

    provider: str
    auth_provider: str
    display_name: str
    status: Literal["ok", "static", "missing"]
    """`static`: a key from the configuration; `ok`: none is needed; `missing`: the key cannot be read."""
    profiles: list[str]
    """Sign-ins; there are none here, keys come from the configuration."""
    api_key: ApiKeySource | None = None


class ProviderCapability(Wire):
    """How a kind of provider can be set up."""

    provider: str
    api_key_supported: bool
    quick_api_key_setup: bool


class ProbeTarget(Wire):
    """The outcome of one real request."""

    label: str
    status: ProbeStatus
    latency_ms: int | None = None
    error: str | None = None
