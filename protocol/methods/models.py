"""Which models there are, and whether they can be used.

Source: OpenClaw docs/gateway/protocol/operator-methods.md, "models.list views" (2026.9.6), its schema,
and answers recorded from it.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.model import (
    ModelChoice,
    ProbeStatus,
    ProbeTarget,
    ProviderAuth,
    ProviderCapability,
    ProviderOutcome,
)
from protocol.scopes import Scope

Name = Annotated[str, Meta(min_length=1, max_length=128)]


class ModelsListResult(Wire):
    """Models in the order to show, the agent's own first."""

    models: list[ModelChoice]
    provider_outcomes: list[ProviderOutcome] | None = None
    """Present after a refresh."""


@method("models.list", Scope.READ)
class ModelsList(Call[ModelsListResult]):
    """List models. Nothing is asked of a provider unless `refresh` is true."""

    agent_id: Name | None = None
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    view: Literal["default", "configured", "provider-config", "all"] = "default"
    provider: Name | None = None
    include_details: bool = False
    include_provider_capabilities: bool = False
    prepared_only: bool = False
    refresh: bool = False
    """Ask the providers which models they serve, once, and remember the answer."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.prepared_only and self.refresh:
            raise ValueError("preparedOnly and refresh exclude each other")


class ModelsAuthStatusResult(Wire):
    """Whether the configured providers have what they need."""

    ts: int
    providers: list[ProviderAuth]
    provider_capabilities: list[ProviderCapability]


@method("models.authStatus", Scope.READ)
class ModelsAuthStatus(Call[ModelsAuthStatusResult]):
    """Say for each configured provider whether its key is there. Keys are never shown."""

    agent_id: str | None = None
    refresh: bool = False


class ModelsProbeResult(Wire):
    """Whether a provider answers."""

    provider: str
    status: ProbeStatus
    latency_ms: int | None = None
    error: str | None = None
    results: list[ProbeTarget]


@method("models.probe", Scope.ADMIN)
class ModelsProbe(Call[ModelsProbeResult]):
    """Ask a provider for its list of models, as proof that address and key are right. Costs nothing."""

    provider: Name
    profile_id: Name | None = None
    timeout_ms: Annotated[int, Meta(ge=1, le=120_000)] = 10_000
    agent_id: str | None = None
