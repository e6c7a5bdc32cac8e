"""The configuration over the protocol and over HTTP, and its hot reload."""

from typing import Final

from gateway.configuration.api import ConfigurationApi
from gateway.configuration.http import ConfigurationPage
from gateway.configuration.service import ConfigurationService
from gateway.kernel.feature import Feature, House

POLL_S: Final = 1.0
"""How often the file's stamp is looked at: one `stat`, a few microseconds; edits show within two of these."""


async def setup(house: House) -> None:
    """Serve `config.*` and `/config`, and follow edits of the file."""
    service = house.offer(ConfigurationService(house.config, house.hub, house.clock, house.audit))
    house.config.report_to(house.health)
    house.rpc.add(ConfigurationApi(service))
    house.http.add("/config", ConfigurationPage(service, house.http).serve, ("GET", "PUT"))
    house.tasks.every("configuration file watch", POLL_S, house.config.poll)


FEATURE: Final = Feature("configuration", setup=setup)
