"""Under which addresses others on the network reach this gateway."""

import ipaddress
import socket
from collections.abc import Iterator, Sequence

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def reachable_addresses(host: str, chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """Addresses of this machine that a listener on `host` answers at, IPv4 first.

    `chosen` narrows them down; only then loopback is among them. IPv6 link-local ones never are: without
    the name of an interface, which a URL cannot carry, they lead nowhere. Asks the system, for a name also
    its resolver.

    Raises:
        OSError: when the system does not tell, or `host` is unknown to it.
    """
    wanted = {ipaddress.ip_address(address) for address in chosen}
    bound = _bound_addresses(host)
    found = {
        address
        for address in _own_addresses()
        if (address in wanted if wanted else not address.is_loopback) and _answers(bound, address)
    }
    return tuple(str(address) for address in sorted(found, key=lambda each: (each.version, int(each))))


def _answers(bound: set[IpAddress], address: IpAddress) -> bool:
    return any(each == address or (each.is_unspecified and each.version == address.version) for each in bound)


def _bound_addresses(host: str) -> set[IpAddress]:
    try:
        return {ipaddress.ip_address(host)}
    except ValueError:
        known = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in known}


def _own_addresses() -> Iterator[IpAddress]:
    import ifaddr

    for adapter in ifaddr.get_adapters():
        for own in adapter.ips:
            address = ipaddress.ip_address(own.ip if isinstance(own.ip, str) else own.ip[0])
            if address.version == 4 or not address.is_link_local:
                yield address
