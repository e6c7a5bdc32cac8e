"""The port and the certificate of a gateway that is not running."""

import datetime
import socket
from collections.abc import Iterator
from typing import Final

from gateway.cli.doctor.finding import Finding, error, ok, warning
from gateway.kernel.config.gateway import GatewaySettings, TlsSettings
from gateway.kernel.home import Home

RENEW_DAYS: Final = 30
"""A certificate that ends sooner should be renewed now."""


def check_port(settings: GatewaySettings) -> Iterator[Finding]:
    """Whether the gateway could listen."""
    if settings.port == 0:
        yield ok("port", "a free one is picked at start")
        return
    place = f"{settings.host}:{settings.port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the gateway does: connections of an earlier one that are winding down are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        yield error(
            "port", f"{place} cannot be used: {problem.strerror or problem}", "choose another gateway.port"
        )
        return
    yield ok("port", f"{place} is free")


def check_certificate(home: Home, settings: TlsSettings) -> Iterator[Finding]:
    """When the certificate ends; nothing without TLS."""
    if not settings.enabled:
        return
    from cryptography import x509

    from gateway.kernel.net.tls import certificate_paths

    path, _ = certificate_paths(home, settings)
    if not path.exists() and settings.cert is None:
        yield ok("tls", "a certificate is made at the first start")
        return
    try:
        ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as problem:
        yield error("tls", f"{path} cannot be used: {problem}", "check gateway.tls.cert")
        return
    left = ends - datetime.datetime.now(datetime.UTC)
    if left.total_seconds() <= 0:
        yield error("tls", f"{path} ended on {ends:%Y-%m-%d}", "renew it and restart the gateway")
    elif left.days < RENEW_DAYS:
        yield warning("tls", f"{path} ends on {ends:%Y-%m-%d}", "renew it and restart the gateway")
    else:
        yield ok("tls", f"{path} is good until {ends:%Y-%m-%d}")
