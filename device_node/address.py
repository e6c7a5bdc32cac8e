"""Addresses of gateways: their one spelling, and which of them may be talked to without encryption."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import msgspec

from device_node.failure import Misused

DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}
_SCHEMES: Final = {"http": "ws", "https": "wss"}

_CLEARTEXT_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "::1/128", "fe80::/10", "fc00::/7",
    )
)  # fmt: skip
"""Loopback, private and link-local networks: where a frame does not cross the internet.

Source: OpenClaw 2026.9.6, the rule its apps follow for `ws://`.
"""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway on the network."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        """The address in a `ws`, `wss`, `http` or `https` URL.

        Raises:
            Misused: when it is none, carries credentials, or would send tokens unencrypted over the internet.
        """
        advice = "use ws://HOST:PORT or wss://HOST:PORT"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Misused(f"{url!r} is no address of a gateway", advice) from None
        scheme = _SCHEMES.get(parts.scheme, parts.scheme)
        if scheme not in DEFAULT_PORTS or not parts.hostname:
            raise Misused(f"{url!r} is no address of a gateway", advice)
        if parts.username is not None or parts.password is not None:
            raise Misused("an address with credentials in it ends up in logs", "pass the token with --token")
        address = cls(
            secure=scheme == "wss",
            host=parts.hostname,
            port=port or DEFAULT_PORTS[scheme],
            path=parts.path.rstrip("/") or "/",
        )
        if not address.secure and not stays_near(address.host):
            raise Misused(
                f"{address} would carry everything unencrypted over the internet",
                "use wss://, or a loopback, private or .local address",
            )
        return address

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = "" if self.path == "/" else self.path
        return f"{'wss' if self.secure else 'ws'}://{host}:{self.port}{path}"


def stays_near(host: str) -> bool:
    """Whether a host is certainly this machine or one on the same network; a name is not looked up."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".local"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _CLEARTEXT_NETWORKS if network.version == address.version)


def normal_fingerprint(text: str) -> str:
    """A SHA-256 certificate fingerprint as 64 lower-case hex digits, from any usual spelling.

    Raises:
        Misused: when it is none.
    """
    digits = text.strip().lower().removeprefix("sha256").strip(":= ").replace(":", "").replace(" ", "")
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise Misused(
            f"{text!r} is no SHA-256 fingerprint", "copy what `homarus gateway run` printed at its start"
        )
    return digits
