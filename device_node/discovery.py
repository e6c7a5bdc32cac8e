"""Finds gateways that announce themselves in the local network (mDNS).

What is found is a hint and nothing more: anybody in the network can announce anything, a fingerprint
included. So nothing here connects anywhere or sends a credential; a person compares the fingerprint with what
their gateway printed, and pairs with that one. Source: OpenClaw 2026.9.6, docs/gateway/bonjour.md.
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from device_node.address import Address, normal_fingerprint
from device_node.failure import Misused, Unreachable
from device_node.text import printable

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE_TYPE: Final = "_openclaw-gw._tcp.local."

SUFFIX: Final = " (OpenClaw)"
"""Ends the instance name of a gateway and tells nobody anything."""

DEFAULT_PATIENCE_S: Final = 3.0
"""Who is there answers within 1.2 s; a lost packet is asked for again after one second and after three."""

RESOLVE_S: Final = 2.0
"""For what an announcement left out; most leave out nothing."""

MAX_GATEWAYS: Final = 32
"""More than any home has. What floods the network with announcements gets no more memory than these."""

MAX_ADDRESSES: Final = 8
"""Of one gateway that are kept."""


class FoundGateway(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A gateway as it was announced; every text is a stranger's, made printable."""

    name: str
    host: str
    """Its name in the local network."""
    addresses: tuple[str, ...]
    """IP addresses, IPv4 first."""
    port: int
    tls: bool
    tls_fingerprint: str | None
    """SHA-256 of the certificate it says it has, 64 lower-case hex digits; not compared with anything."""

    @property
    def urls(self) -> tuple[str, ...]:
        """How to reach it, one for each address."""
        return tuple(
            str(Address(secure=self.tls, host=address, port=self.port, path="/"))
            for address in self.addresses
        )


class Found(msgspec.Struct, frozen=True):
    """What the network said."""

    gateways: tuple[FoundGateway, ...]
    """By name."""
    complete: bool
    """False when there were more than `MAX_GATEWAYS`."""


async def discover(patience_s: float = DEFAULT_PATIENCE_S, interfaces: Sequence[str] = ()) -> Found:
    """Listen for `patience_s` seconds; on the interfaces with these own addresses, else on all.

    Raises:
        Misused: when an interface is not an address of this machine.
        Unreachable: when this machine cannot listen.
    """
    from zeroconf import InterfaceChoice
    from zeroconf.asyncio import AsyncZeroconf

    _check_interfaces(interfaces)
    try:
        zeroconf = AsyncZeroconf(interfaces=list(interfaces) or InterfaceChoice.All)
    except (OSError, RuntimeError) as error:
        raise Unreachable(
            f"this machine cannot listen for gateways: {error}", "give the gateway's address yourself"
        ) from error
    try:
        names, complete = await _listen(zeroconf, patience_s)
        answers = await asyncio.gather(*(_resolve(zeroconf, name) for name in names))
    finally:
        await zeroconf.async_close()
    found = (gateway for gateway in answers if gateway is not None)
    return Found(tuple(sorted(found, key=lambda gateway: (gateway.name, gateway.port))), complete)


def _check_interfaces(interfaces: Sequence[str]) -> None:
    import ifaddr

    own = {
        str(address.ip if isinstance(address.ip, str) else address.ip[0])
        for adapter in ifaddr.get_adapters()
        for address in adapter.ips
    }
    for interface in interfaces:
        if interface not in own:
            raise Misused(
                f"{printable(interface)} is no address of this machine",
                f"these are: {', '.join(sorted(own))}",
            )


async def _listen(zeroconf: "AsyncZeroconf", patience_s: float) -> tuple[set[str], bool]:
    """Names of what is announced, and whether that is all of it."""
    from zeroconf.asyncio import AsyncServiceBrowser

    names: set[str] = set()
    too_many = asyncio.Event()

    def heard(*, name: str, state_change: "ServiceStateChange", **_: "Zeroconf | str") -> None:
        if state_change.name == "Removed":
            names.discard(name)
        elif len(names) < MAX_GATEWAYS:
            names.add(name)
        elif name not in names:
            too_many.set()

    browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[heard])
    try:
        async with asyncio.timeout(patience_s):
            await too_many.wait()
    except TimeoutError:
        return names, True
    finally:
        await browser.async_cancel()
    return names, False


async def _resolve(zeroconf: "AsyncZeroconf", name: str) -> FoundGateway | None:
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo

    try:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        answered = await info.async_request(zeroconf.zeroconf, RESOLVE_S * 1000)
    except Error:
        # A name that no gateway may have, such as one with control characters, costs nobody else their place.
        return None
    return _gateway(name, info) if answered else None


def _gateway(name: str, info: "AsyncServiceInfo") -> FoundGateway | None:
    """Host and port as the service records have them; the TXT record must not lead anybody elsewhere."""
    addresses = sorted(
        (ipaddress.ip_address(text) for text in info.parsed_addresses()),
        key=lambda address: (address.version, int(address)),
    )
    usable = [str(address) for address in addresses if address.version == 4 or not address.is_link_local]
    if not usable or not info.port:
        return None
    txt = info.decoded_properties
    return FoundGateway(
        name=printable(name.removesuffix(f".{SERVICE_TYPE}").removesuffix(SUFFIX), 80),
        host=printable((info.server or "").rstrip("."), 253),
        addresses=tuple(usable[:MAX_ADDRESSES]),
        port=info.port,
        tls=txt.get("gatewayTls") == "1",
        tls_fingerprint=_fingerprint(txt.get("gatewayTlsSha256")),
    )


def _fingerprint(text: str | None) -> str | None:
    try:
        return normal_fingerprint(text or "")
    except Misused:
        # Whoever announces nonsense is listed without one.
        return None
