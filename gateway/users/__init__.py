"""The person behind operator connections, and their preferences."""

from gateway.kernel.feature import Feature, House
from gateway.users.api import UsersApi
from gateway.users.service import Users


async def setup(house: House) -> None:
    """Create the owner and answer `users.*`."""
    users = house.offer(Users(house.database("state"), house.hub, house.clock))
    await users.start()
    house.rpc.add(UsersApi(users))


FEATURE = Feature("users", setup=setup, package="gateway.users", database="state")
