"""This machine's own address in the network around it."""

import socket


def lan_address(*, ipv6: bool = False) -> str | None:
    """The address this machine would use towards the network; None while it has none.

    Connecting a datagram socket only asks the routing table; nothing is sent. The target is a documentation
    address (RFC 5737, RFC 3849), which is routed like any other on the internet.
    """
    family, target = (socket.AF_INET6, "2001:db8::1") if ipv6 else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            return str(probe.getsockname()[0])
    except OSError:
        # No route, or no such protocol on this machine: there is no address to give.
        return None
