"""Where a device can reach this gateway, and how far such an address may be trusted."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import msgspec

from gateway.kernel.config.gateway import GatewaySettings, is_loopback
from gateway.kernel.net.lan import lan_address
from protocol.errors import InvalidRequest

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound to
"""Hosts that mean every interface, and are no address to connect to."""
_PLAIN: Final = {"ws": "http", "wss": "https"}


class Address(msgspec.Struct, frozen=True):
    """A WebSocket address of this gateway."""

    url: str
    """`ws://` or `wss://`, without a trailing slash."""
    source: str
    """What named it, for people."""
    direct: bool = False
    """True when it is this process's own listener, so that its certificate can be pinned."""

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith("wss:")

    @property
    def host(self) -> str:
        """Host name or address, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can use it."""
        return is_loopback(self.host)

    @property
    def page_url(self) -> str:
        """The same place over HTTP."""
        scheme, _, rest = self.url.partition(":")
        return f"{_PLAIN[scheme]}:{rest}"


def pairing_address(settings: GatewaySettings, requested: str | None) -> Address:
    """The address to put into a setup code: the requested one, else the configured one, else the listener's.

    Raises:
        InvalidRequest: when it is malformed, only reachable from this machine, or unencrypted beyond the own
        network.
    """
    if requested is not None:
        address = Address(_normal(requested, "publicUrl"), "request.publicUrl")
    elif settings.public_url is not None:
        address = Address(_normal(settings.public_url, "gateway.public_url"), "gateway.public_url")
    else:
        address = _listener_address(settings)
    if not address.secure and not is_private(address.host):
        raise InvalidRequest(
            f"{address.url} is not encrypted: use a wss:// address, or one in the own network; it came from "
            f"{address.source}"
        )
    return address


def _listener_address(settings: GatewaySettings) -> Address:
    if is_loopback(settings.host):
        raise InvalidRequest(
            "Gateway is only bound to loopback. Set gateway.public_url, or bind gateway.host to the network."
        )
    if settings.port == 0:
        raise InvalidRequest("Gateway listens on a port of no fixed number. Set gateway.public_url.")
    host = _own_address(settings.host) if settings.host in ANY_ADDRESS else settings.host
    scheme = "wss" if settings.tls.enabled else "ws"
    bracketed = f"[{host}]" if ":" in host else host
    return Address(f"{scheme}://{bracketed}:{settings.port}", "gateway.host", direct=True)


def is_private(host: str) -> bool:
    """Whether a host is this machine or in a network of one's own, where an unencrypted setup may be used."""
    if host == "localhost" or host.endswith(".local"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_link_local


def _own_address(any_address: str) -> str:
    address = lan_address(ipv6=any_address == "::")
    if address is None:
        raise InvalidRequest(
            "This machine has no network address. Set gateway.public_url to where devices reach it."
        )
    return address


def _normal(text: str, field: str) -> str:
    problem = InvalidRequest(f"{field}: not an http://, https://, ws:// or wss:// address", {"field": field})
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise problem from error
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise problem
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
