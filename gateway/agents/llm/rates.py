"""What a model's tokens cost: from the configuration, else from the price list that came with the library."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices

from gateway.agents.settings import Price, ProviderEntry
from gateway.agents.usage_model import FREE, Rates

NUSD_PER_MTOK_USD: Final = 1000.0
"""A dollar for a million tokens is a thousand billionths of a dollar for one."""


def rates_of(entry: ProviderEntry, model: str) -> Rates | None:
    """The price of a model; None when nobody knows it."""
    known = entry.models.get(model)
    if known is not None and known.price is not None:
        return _from_settings(known.price)
    if entry.is_free:
        return FREE
    # Behind another address the same name may be another model at another price.
    return _from_list(entry.kind, model) if entry.base_url is None else None


def _from_settings(price: Price) -> Rates:
    read = price.cache_read if price.cache_read is not None else price.input
    write = price.cache_write if price.cache_write is not None else price.input
    return Rates(*(value * NUSD_PER_MTOK_USD for value in (price.input, price.output, read, write)))


def _from_list(kind: str, model: str) -> Rates | None:
    try:
        _, info = get_snapshot().find_provider_model(model, None, kind, None)
    except LookupError:
        return None
    prices = info.get_prices(datetime.now(UTC))
    into, out = _dearest(prices, "input_mtok"), _dearest(prices, "output_mtok")
    if into is None or out is None:
        return None
    read, write = _dearest(prices, "cache_read_mtok"), _dearest(prices, "cache_write_mtok")
    usd = (into, out, read if read is not None else into, write if write is not None else into)
    return Rates(*(value * NUSD_PER_MTOK_USD for value in usd))


def _dearest(prices: object, name: str) -> float | None:
    """A price, the highest when it grows with the length: a limit must not be passed by surprise."""
    price = getattr(prices, name, None)
    if isinstance(price, TieredPrices):
        return float(max(price.base, *(tier.price for tier in price.tiers)))
    return float(price) if isinstance(price, Decimal) else None
