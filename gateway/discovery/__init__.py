"""Announces the gateway in the local network (mDNS), so that phones and laptops find it by themselves."""

from functools import cache
from typing import Final

from gateway.discovery.announcer import Announcer, Listening
from gateway.discovery.settings import DiscoverySettings
from gateway.kernel.config.gateway import GatewaySettings, is_loopback
from gateway.kernel.feature import Feature, House
from gateway.kernel.net.tls import certificate_paths, fingerprint
from gateway.operations.facts import Facts


async def setup(house: House) -> None:
    """Announce once the listener is up; a gateway that only this machine reaches is not announced at all."""
    bound = house.config.get(GatewaySettings)
    if is_loopback(bound.host):
        return
    facts = house.need(Facts)

    @cache  # a certificate that is replaced meanwhile is served from the next start on
    def listening() -> Listening:
        certificate = certificate_paths(house.home, bound.tls)[0]
        pin = fingerprint(certificate).replace(":", "").lower() if bound.tls.enabled else None
        return Listening(host=bound.host, port=facts.port() or bound.port, tls_fingerprint=pin)

    announcer = Announcer(
        listening, lambda: house.config.get(DiscoverySettings), house.names, house.health, house.tasks
    )

    def changed(_old: DiscoverySettings, _new: DiscoverySettings) -> None:
        house.tasks.spawn("discovery change", announcer.follow())

    house.config.watch(DiscoverySettings, changed)
    house.after_start(announcer.follow)
    house.stack.push_async_callback(announcer.stop)


FEATURE: Final = Feature("discovery", setup=setup, settings=DiscoverySettings, core=False)
