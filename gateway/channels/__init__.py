"""Chat channels: the registry every connector joins."""

from typing import Final

from gateway.channels.api import ChannelsApi
from gateway.channels.service import ChannelRegistry
from gateway.kernel.feature import Feature, House
from gateway.kernel.rpc.idempotency import IdempotentCalls


async def setup(house: House) -> None:
    """Offer the registry and answer for it."""
    registry = house.offer(ChannelRegistry(house.need(IdempotentCalls), house.clock))
    house.rpc.add(ChannelsApi(registry))


FEATURE: Final = Feature("channels", setup=setup)
