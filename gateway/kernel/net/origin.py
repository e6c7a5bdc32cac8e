"""Which `Host` and `Origin` a request may carry.

A page on the internet can make a browser open a socket to this machine, or rebind its own name to our
address. Both are stopped before authentication: the host must be an IP literal, `localhost` or a configured
name (a rebound name is neither), and an origin must be our own page or a configured one, compared whole.
Source: attack cases 1-4 of the security checklist; RFC 6454 for the origin's serialisation.
"""

import ipaddress
from collections.abc import Mapping

import msgspec


class RequestRefused(Exception):
    """The request must not be looked at any further.

    Attributes:
        status: HTTP status to answer with.
        kind: Machine-readable reason.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind

    def body(self) -> bytes:
        """The JSON body of the answer."""
        return msgspec.json.encode({"error": {"type": self.kind, "message": str(self)}})


class OriginPolicy(msgspec.Struct, frozen=True):
    """The allow-lists of one listener."""

    scheme: str
    """`http` or `https`, what our own page is served with."""
    allowed_hosts: frozenset[str] = frozenset()
    """Lower-case names without port."""
    allowed_origins: frozenset[str] = frozenset()
    """Exact origins, `scheme://host[:port]`."""
    trusted_proxies: frozenset[str] = frozenset()
    """Peer addresses whose forwarding headers count."""

    def check_host(self, host: str | None) -> None:
        """Refuse names that are not ours.

        Raises:
            RequestRefused: 421 for a name that is not ours.
        """
        name = host_name(host or "")
        if name == "localhost" or name in self.allowed_hosts or _is_ip(name):
            return
        raise RequestRefused(
            421,
            "host_not_allowed",
            "Host is not one of this gateway's names; add it to gateway.allowed_hosts",
        )

    def check_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether the request comes from the gateway's own page; false without an origin.

        Raises:
            RequestRefused: 403 for any origin that is neither our own nor configured.
        """
        if origin is None:
            return False
        if origin == f"{self.scheme}://{host}":
            return True
        if origin in self.allowed_origins:
            return False
        raise RequestRefused(
            403, "origin_not_allowed", "Origin is not allowed; add it to gateway.allowed_origins"
        )

    def client_ip(self, peer_ip: str, headers: Mapping[str, str]) -> tuple[str, bool]:
        """The client's address and whether it arrived directly.

        Raises:
            RequestRefused: 403 when forwarding headers come from a peer that is not a configured proxy.
        """
        forwarded = headers.get("x-forwarded-for") or headers.get("forwarded") or headers.get("x-real-ip")
        if forwarded is None:
            return peer_ip, True
        if peer_ip not in self.trusted_proxies:
            raise RequestRefused(
                403,
                "proxy_attribution_required",
                "forwarding headers count only from gateway.trusted_proxies; add this proxy there",
            )
        client = headers.get("x-forwarded-for", "").split(",")[-1].strip()
        return (client if _is_ip(client) else peer_ip), False


def host_name(host: str) -> str:
    """The name part of a `Host` header, lower-case, without port and without IPv6 brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower() if host.count(":") <= 1 else host.lower()


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header. Source: RFC 6750, section 2.1."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def is_loopback(address: str) -> bool:
    """Whether an address is of this machine, IPv4-mapped IPv6 included."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
