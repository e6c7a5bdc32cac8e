"""The inbox: one table for every message, whatever it came in by."""

from gateway.kernel.feature import Feature, House


async def setup(house: House) -> None:
    """Offer the inbox."""
    from gateway.inbox.api import InboxApi
    from gateway.inbox.service import Inbox

    inbox = house.offer(Inbox(house.database("state")))
    house.rpc.add(InboxApi(inbox))


FEATURE = Feature("inbox", setup=setup, package="gateway.inbox")
