"""Agents: who answers a turn, with which model and which tools."""

from typing import Final

from gateway.agents.settings import AgentsSettings
from gateway.kernel.feature import Feature, House


async def setup(house: House) -> None:
    """Offer the directory of agents, the tools and the ledger, and answer for them."""
    from gateway.agents.wiring import wire

    await wire(house)


FEATURE: Final = Feature("agents", setup=setup, package="gateway.agents", settings=AgentsSettings)
