"""Which addresses the canvas may show, and what pages on it may load."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Collection
from typing import Final, Literal
from urllib.parse import urlsplit

RENDERER: Final = "https://canvas.homarus.invalid/"
"""Address of our own page. The browser never looks it up: requests are answered from memory, and a name below
`.invalid` exists nowhere (RFC 6761).
"""

HOST_PATHS: Final = "/__openclaw__/"
"""Below it gateways serve what nodes show."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Ends in an IPv4 address that a translator of the network asks. Source: RFC 6052."""

REMEMBERED_S: Final = 10.0
"""How long an answer of the name service counts here."""

MAX_REMEMBERED: Final = 512

Reach = Literal["loopback", "lan"]
"""What the owner opens besides the public network."""


class AddressRefused(ValueError):
    """Why an address is not shown."""


class AddressPolicy:
    """The owner's rules."""

    def __init__(self, reach: Collection[Reach]) -> None:
        self._reach = frozenset(reach)
        self._known: dict[str, tuple[float, str | None]] = {}
        self.hosts: set[str] = set()
        """Addresses of gateways, `scheme://host:port`, whose canvas paths are always allowed."""

    async def check(self, url: str) -> None:
        """Let it pass.

        Raises:
            AddressRefused: saying why not.
        """
        if url.startswith(RENDERER):
            return
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise AddressRefused(f"{url[:80]!r} is no address: {error}") from error
        if parts.scheme not in {"http", "https"}:
            raise AddressRefused(f"{parts.scheme or 'no scheme'}: only http and https pages are shown")
        if not host or parts.username is not None or parts.password is not None:
            raise AddressRefused("expected a host, and no name or password in the address")
        if f"{parts.scheme}://{parts.netloc}".lower() in self.hosts and HOST_PATHS in parts.path:
            return
        why = await self._judge(host, port or 0)
        if why is not None:
            raise AddressRefused(why)

    async def _judge(self, host: str, port: int) -> str | None:
        now_s = time.monotonic()
        known = self._known.get(host)
        if known is not None and now_s - known[0] < REMEMBERED_S:
            return known[1]
        why = self.judge_ip(host) if _is_ip(host) else await self._judge_name(host, port)
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[host] = (now_s, why)
        return why

    async def _judge_name(self, host: str, port: int) -> str | None:
        if host == "localhost" or host.endswith(".localhost"):
            return None if "loopback" in self._reach else _advice(host, "loopback")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return f"{host} is not found: {error}"
        return next((why for entry in found if (why := self.judge_ip(str(entry[4][0]))) is not None), None)

    def judge_ip(self, text: str) -> str | None:
        """Why the machine at an IP address is not asked; None when it may be."""
        try:
            ip = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            # Browsers read 127.1 and 0x7f000001 as addresses, too.
            ip = ipaddress.ip_address(socket.inet_aton(text))
        if isinstance(ip, ipaddress.IPv6Address):
            inner = ip.ipv4_mapped or ip.sixtofour
            if ip in _NAT64:
                inner = ipaddress.IPv4Address(ip.packed[-4:])
            if inner is not None:
                return self.judge_ip(str(inner))
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            # Where clouds answer questions about the machine itself.
            return f"{text} is never asked"
        if ip.is_loopback:
            return None if "loopback" in self._reach else _advice(text, "loopback")
        if not ip.is_global:
            return None if "lan" in self._reach and ip.is_private else _advice(text, "lan")
        return None


def _advice(what: str, reach: Reach) -> str:
    return f'{what} is not shown; its owner can allow it with [canvas] reach = ["{reach}"] in node.toml'


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return False
    return True
