"""Chat: from a message to an answer, one turn at a time per session."""

from gateway.chat.model import ChatSettings
from gateway.kernel.feature import Feature, House


async def setup(house: House) -> None:
    """Offer chat. What an earlier life left unfinished is settled; what it accepted begins after start."""
    from gateway.chat.wiring import wire

    await wire(house)


FEATURE = Feature("chat", setup=setup, package="gateway.chat", settings=ChatSettings)
