"""Memory: what agents keep for people, found again by its words.

Its calls (`memory.*`) are answered by `agents`, which knows the agents' names.
"""

from typing import Final

from gateway.kernel.feature import Feature, House


async def setup(house: House) -> None:
    """Offer the memory."""
    from gateway.memory.service import MemoryService

    house.offer(MemoryService(house.database("memory"), house.clock))


FEATURE: Final = Feature("memory", setup=setup, package="gateway.memory", database="memory")
