"""The library's models for our providers, with HTTP clients that are shared and closed."""

from contextlib import AsyncExitStack
from typing import Final

import httpx2
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model

from gateway.agents.model import AgentFailed
from gateway.agents.settings import ProviderEntry
from gateway.kernel.secret import SecretMissing

CONNECT_TIMEOUT_S: Final = 10.0
"""For opening a connection; a provider that is up answers within a second."""


class Providers:
    """Makes models. One HTTP client per provider; a provider whose settings changed gets a new one."""

    def __init__(self) -> None:
        self._clients: dict[str, tuple[ProviderEntry, httpx2.AsyncClient]] = {}
        self._retired: list[httpx2.AsyncClient] = []

    def model(self, provider: str, entry: ProviderEntry, name: str) -> Model:
        """The model `name` of a provider.

        Raises:
            AgentFailed: its key is missing, or the library part for its kind is not installed.
        """
        try:
            key = entry.api_key.reveal() if entry.api_key is not None else None
            return _make(entry, name, key, self.client(provider, entry))
        except SecretMissing as error:
            message = f"LLM request failed: no API key for {provider}: {error}"
            raise AgentFailed(message, provider=provider, model=name, reason="auth") from error
        except (ImportError, UserError) as error:
            message = f"LLM request failed: {provider} cannot be used: {error}"
            raise AgentFailed(message, provider=provider, model=name, reason="unavailable") from error

    def client(self, provider: str, entry: ProviderEntry) -> httpx2.AsyncClient:
        """The HTTP client of a provider."""
        known = self._clients.get(provider)
        if known is not None and known[0] == entry:
            return known[1]
        if known is not None:
            # Running answers still use it; it goes when the gateway does.
            self._retired.append(known[1])
        timeout = httpx2.Timeout(entry.silence_s, connect=min(CONNECT_TIMEOUT_S, entry.silence_s))
        # A proxy of the environment must not see, or break, what stays on this machine.
        client = httpx2.AsyncClient(timeout=timeout, trust_env=not entry.is_local)
        self._clients[provider] = (entry, client)
        return client

    async def close(self) -> None:
        """Close every connection."""
        async with AsyncExitStack() as stack:
            for client in (*self._retired, *(client for _, client in self._clients.values())):
                stack.push_async_callback(client.aclose)
        self._clients.clear()
        self._retired.clear()


def _make(entry: ProviderEntry, name: str, key: str | None, client: httpx2.AsyncClient) -> Model:
    if entry.kind == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        anthropic = AnthropicProvider(api_key=key or "none", base_url=entry.base_url, http_client=client)
        return AnthropicModel(name, provider=anthropic)
    if entry.kind == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        google = GoogleProvider(api_key=key or "none", base_url=entry.base_url, http_client=client)
        return GoogleModel(name, provider=google)
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    openai = OpenAIProvider(api_key=key or "none", base_url=entry.base_url or OPENAI_URL, http_client=client)
    return OpenAIChatModel(name, provider=openai)


OPENAI_URL: Final = "https://api.openai.com/v1"
"""Said outright, so that no variable of the environment can send a conversation elsewhere."""
