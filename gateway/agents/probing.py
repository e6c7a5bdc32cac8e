"""Asking a provider whether it is there and which models it serves.

The client library is imported on first use.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from gateway.agents.provider_status import NEEDS_LLM, llm_installed
from gateway.agents.settings import AgentsSettings
from protocol.nouns.model import ProbeTarget

ASK_TIMEOUT_S: Final = 10.0

MAX_MODELS: Final = 500
"""Names kept of one provider."""


class Probed(msgspec.Struct, frozen=True):
    """What asking gave."""

    target: ProbeTarget
    models: tuple[str, ...] = ()

    @property
    def outcome(self) -> Literal["ready", "auth-rejected", "unavailable"]:
        """The same in the words of `models.list`."""
        if self.target.status == "ok":
            return "ready"
        return "auth-rejected" if self.target.status == "auth" else "unavailable"


class ProviderProbe:
    """Asks providers. Requests to one provider that come together share one answer."""

    def __init__(self, settings: Callable[[], AgentsSettings]) -> None:
        self._settings = settings
        self._locks: dict[str, asyncio.Lock] = {}

    async def ask(self, provider: str, timeout_s: float = ASK_TIMEOUT_S) -> Probed:
        """Ask for the list of models, which costs nothing; failures are in the answer."""
        entry = self._settings().providers.get(provider)
        if entry is None:
            return Probed(ProbeTarget(label=provider, status="no_model", error="not configured"))
        if not llm_installed():
            return Probed(ProbeTarget(label=provider, status="unknown", error=NEEDS_LLM))
        async with self._locks.setdefault(provider, asyncio.Lock()):
            from gateway.agents.llm.listing import list_models

            return await list_models(provider, entry, timeout_s)
