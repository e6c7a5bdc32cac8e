"""What the configuration says about providers: keys, kinds, and what is missing."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Final

from gateway.agents.model import AgentProfile
from gateway.agents.settings import AgentsSettings, ProviderEntry
from protocol.nouns.model import ApiKeySource, ProviderAuth, ProviderCapability
from protocol.nouns.tool import ToolNotice

KINDS: Final = ("openai", "anthropic", "google")

NEEDS_LLM: Final = "The llm extra is not installed; run: pip install 'homarus[llm]'"


@cache
def llm_installed() -> bool:
    """Whether the library behind `llm` agents is there, without importing it."""
    return find_spec("pydantic_ai") is not None


def providers(settings: AgentsSettings) -> list[ProviderAuth]:
    """Every configured provider and whether its key is there."""
    return [_provider(name, entry) for name, entry in settings.providers.items()]


def capabilities() -> list[ProviderCapability]:
    """The kinds of provider that can be set up."""
    return [
        ProviderCapability(provider=kind, api_key_supported=True, quick_api_key_setup=False) for kind in KINDS
    ]


def tool_notices(profile: AgentProfile, servers: Sequence[str]) -> list[ToolNotice] | None:
    """What a list of an agent's tools leaves out."""
    if profile.runtime == "command":
        text = "This agent is a program; it brings its own tools."
        return [ToolNotice(id="command-agent", severity="info", message=text)]
    if servers:
        text = f"Tools of {', '.join(servers)} are added when a turn starts."
        return [ToolNotice(id="mcp-at-turn", severity="info", message=text)]
    return None


def _provider(name: str, entry: ProviderEntry) -> ProviderAuth:
    key = entry.api_key
    if key is None:
        return ProviderAuth(
            provider=name, auth_provider=name, display_name=name, status="ok", profiles=[], api_key=None
        )
    reference = key.reference
    source = ApiKeySource(source="config")
    if isinstance(reference, dict):
        source = (
            ApiKeySource(source="env", env_var=reference["env"])
            if "env" in reference
            else ApiKeySource(source="file")
        )
    return ProviderAuth(
        provider=name,
        auth_provider=name,
        display_name=name,
        status="static" if key.available else "missing",
        profiles=[],
        api_key=source,
    )
