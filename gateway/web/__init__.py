"""What a browser gets at `/`: the control page, or where that was not built, how to connect."""

from typing import Final

from gateway.kernel.feature import Feature, House
from gateway.web.files import FILES, BuiltPage
from gateway.web.plain import plain_page


async def setup(house: House) -> None:
    """Serve the page."""
    if not FILES.joinpath("index.html").is_file():
        house.http.add("/", plain_page)
        return
    page = BuiltPage(FILES)
    house.http.add("/", page.index)
    house.http.add("/assets/{name}", page.asset)


FEATURE: Final = Feature("web", setup=setup, core=False)
"""The control page, which speaks the protocol like any other client, from the address it was loaded from."""
