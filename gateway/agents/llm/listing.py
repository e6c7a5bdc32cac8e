"""A provider's list of models, as proof that address and key are right."""

import asyncio
import time
from typing import Final

import httpx2
import msgspec

from gateway.agents.llm.providers import OPENAI_URL
from gateway.agents.probing import MAX_MODELS, Probed
from gateway.agents.settings import ProviderEntry
from gateway.kernel.secret import SecretMissing
from protocol.nouns.model import ProbeStatus, ProbeTarget

_URLS: Final = {
    "openai": OPENAI_URL,
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""The longest list of a vendor is a few hundred kilobytes."""


async def list_models(provider: str, entry: ProviderEntry, timeout_s: float) -> Probed:
    """Ask once; what goes wrong is in the answer."""
    started_s = time.monotonic()
    status: ProbeStatus = "ok"
    error: str | None = None
    models: tuple[str, ...] = ()
    try:
        url, headers = _request(entry)
        async with asyncio.timeout(timeout_s):
            models = await _ask(url, headers, entry)
    except SecretMissing as missing:
        status, error = "auth", missing.message
    except httpx2.HTTPStatusError as refused:
        code = refused.response.status_code
        status, error = _status_of(code), f"HTTP {code}"
    except (TimeoutError, httpx2.TimeoutException):
        status, error = "timeout", f"no answer within {timeout_s:g} s"
    except httpx2.HTTPError as unreachable:
        status, error = "unknown", str(unreachable) or type(unreachable).__name__
    except ValueError as odd:
        status, error = "format", f"not a list of models: {odd}"
    latency_ms = round((time.monotonic() - started_s) * 1000)
    return Probed(ProbeTarget(label=provider, status=status, latency_ms=latency_ms, error=error), models)


def _request(entry: ProviderEntry) -> tuple[str, dict[str, str]]:
    key = entry.api_key.reveal() if entry.api_key is not None else ""
    base = (entry.base_url or _URLS[entry.kind]).rstrip("/")
    if entry.kind == "anthropic":
        return f"{base}/v1/models?limit=1000", {"x-api-key": key, "anthropic-version": "2023-06-01"}
    if entry.kind == "google":
        return f"{base}/v1beta/models?pageSize=1000", {"x-goog-api-key": key}
    return f"{base}/models", {"Authorization": f"Bearer {key}"} if key else {}


async def _ask(url: str, headers: dict[str, str], entry: ProviderEntry) -> tuple[str, ...]:
    async with (
        httpx2.AsyncClient(trust_env=not entry.is_local) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        response.raise_for_status()
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("it is too long")
    return _names(body)


def _names(body: bytes) -> tuple[str, ...]:
    decoded = msgspec.json.decode(body, type=_Listing)
    rows = decoded.data or decoded.models
    names = (row.id or row.name.removeprefix("models/") for row in rows)
    return tuple(name for name in names if 0 < len(name) <= 256)[:MAX_MODELS]


class _Row(msgspec.Struct):
    id: str = ""
    name: str = ""


class _Listing(msgspec.Struct):
    data: list[_Row] = []
    models: list[_Row] = []


def _status_of(code: int) -> ProbeStatus:
    if code in {401, 403}:
        return "auth"
    if code == 402:
        return "billing"
    return "rate_limit" if code == 429 else "unknown"
