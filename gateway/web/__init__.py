"""What a browser gets at `/`: until the control page exists, a page that says how to connect."""

from typing import Final

from gateway.kernel.feature import Feature, House
from gateway.web.page import status_page


async def setup(house: House) -> None:
    """Serve the page."""
    house.http.add("/", status_page)


FEATURE: Final = Feature("web", setup=setup, core=False)
