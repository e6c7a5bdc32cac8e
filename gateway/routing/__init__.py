"""Routing: which agent answers a message, by rules a person can list, change and try out."""

from gateway.kernel.feature import Feature, House


async def setup(house: House) -> None:
    """Offer the router with its stored rules."""
    from gateway.routing.api import RoutingApi
    from gateway.routing.service import Routing

    routing = house.offer(Routing(house.database("state"), house.clock))
    await routing.load()
    house.rpc.add(RoutingApi(routing, house.clock))


FEATURE = Feature("routing", setup=setup, package="gateway.routing")
