"""Which models there are for an agent, and what they can do."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from gateway.agents.breaker import Breakers
from gateway.agents.model import AgentProfile
from gateway.agents.settings import OFFLINE_MODEL, AgentsSettings, ModelEntry
from gateway.kernel.clock import Clock
from gateway.kernel.ports import AgentFacts
from protocol.nouns.agent import Choice
from protocol.nouns.model import InputKind, ModelChoice

PLAIN_LEVELS: Final = ("off",)
REASONING_LEVELS: Final = ("off", "low", "medium", "high")

OFFLINE_ENTRY: Final = ModelEntry(name="Offline assistant", context_tokens=1_000_000, images=False)
"""The embedded assistant as a model; it reads only the last message, so nothing is too long for it."""


class ModelCatalog:
    """Lists models. Asks nobody; what a refresh found is remembered until the gateway ends."""

    def __init__(self, settings: Callable[[], AgentsSettings], breakers: Breakers, clock: Clock) -> None:
        self._settings = settings
        self._breakers = breakers
        self._clock = clock
        self._discovered: dict[str, tuple[str, ...]] = {}

    def discovered(self, provider: str, models: Iterable[str]) -> None:
        """Remember which models a provider said it serves."""
        self._discovered[provider] = tuple(sorted(set(models)))

    def choices(
        self, profile: AgentProfile, *, everything: bool = True, details: bool = False, policy: bool = False
    ) -> list[ModelChoice]:
        """Models for an agent, its own first.

        Args:
            profile: The agent.
            everything: Also models that were only discovered, not configured.
            details: With input kinds.
            policy: With `manualSelectionAllowed`.
        """
        names = dict.fromkeys((profile.model, *profile.fallbacks))
        if profile.runtime != "command":
            names |= dict.fromkeys(self._names(everything=everything))
        return [self._choice(profile, name, details=details, policy=policy) for name in names]

    def facts(self, profile: AgentProfile, model: str | None = None) -> AgentFacts:
        """What lists of sessions show of an agent, with its own or another model."""
        name = model or profile.model
        provider, _, model_id = name.partition("/")
        entry = self.entry(name)
        levels = _levels(entry)
        return AgentFacts(
            runtime=profile.runtime,
            model_provider=provider,
            model=model_id,
            context_tokens=entry.context_tokens,
            thinking_levels=levels,
            thinking_default=_default_level(levels),
        )

    def find(self, profile: AgentProfile, name: str) -> str | None:
        """`provider/model` for what a person calls a model; None when the agent cannot use it."""
        known = [f"{choice.provider}/{choice.id}" for choice in self.choices(profile)]
        if name in known:
            return name
        if profile.runtime == "command":
            return None
        if "/" in name and not self._settings().model_problem(name):
            return name
        return next((full for full in known if full.partition("/")[2] == name), None)

    def entry(self, name: str) -> ModelEntry:
        """What is known of `provider/model`."""
        return OFFLINE_ENTRY if name == OFFLINE_MODEL else self._settings().model_entry(name)

    def _names(self, *, everything: bool) -> Iterable[str]:
        settings = self._settings()
        for provider, entry in settings.providers.items():
            yield from (f"{provider}/{model}" for model in entry.models)
            if everything:
                yield from (f"{provider}/{model}" for model in self._discovered.get(provider, ()))
        yield OFFLINE_MODEL

    def _choice(self, profile: AgentProfile, name: str, *, details: bool, policy: bool) -> ModelChoice:
        provider, _, model_id = name.partition("/")
        entry = self.entry(name)
        levels = _levels(entry)
        choice = ModelChoice(
            id=model_id,
            name=entry.name or model_id,
            provider=provider,
            context_window=entry.context_tokens,
            reasoning=entry.reasoning,
            tags=_tags(profile, name),
            thinking_levels=[Choice(id=level, label=level) for level in levels],
            thinking_default=_default_level(levels),
            manual_selection_allowed=True if policy else None,
            supports_tools=entry.tools if details else None,
            input=_input_kinds(entry) if details else None,
            available=True,
        )
        return self._with_availability(choice)

    def _with_availability(self, choice: ModelChoice) -> ModelChoice:
        entry = self._settings().providers.get(choice.provider)
        if entry is not None and entry.api_key is not None and not entry.api_key.available:
            return msgspec.structs.replace(choice, available=False, unavailable_reason="missing-auth")
        wait_s = self._breakers.wait_s(choice.provider)
        if wait_s > 0:
            until_ms = self._clock.now_ms() + round(wait_s * 1000)
            return msgspec.structs.replace(
                choice, available=False, unavailable_reason="cooldown", unavailable_until=until_ms
            )
        return choice


def _tags(profile: AgentProfile, name: str) -> list[str] | None:
    if name == profile.model:
        return ["default"]
    return ["fallback"] if name in profile.fallbacks else None


def _levels(entry: ModelEntry) -> tuple[str, ...]:
    return REASONING_LEVELS if entry.reasoning else PLAIN_LEVELS


def _default_level(levels: tuple[str, ...]) -> str:
    return "medium" if "medium" in levels else levels[0]


def _input_kinds(entry: ModelEntry) -> list[InputKind]:
    return ["text", "image"] if entry.images else ["text"]
