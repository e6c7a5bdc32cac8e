"""What is announced: the records of one `_openclaw-gw._tcp` service. Pure; nothing is sent here.

Source: OpenClaw 2026.9.6, docs/gateway/bonjour.md; RFC 6763, section 6.
"""

import socket
from typing import Final

import msgspec

from gateway.discovery.settings import LABEL

SERVICE_TYPE: Final = "_openclaw-gw._tcp.local."
"""The one thing every OpenClaw client browses for; none looks at the instance name."""

SUFFIX: Final = " (OpenClaw)"
"""Ends the instance name; clients take it off again for display. Observed in 2026.9.6."""

FALLBACK_LABEL: Final = "homarus"
"""For a machine whose own name is no host label."""

MAX_TXT_BYTES: Final = 255
"""Of one `key=value`. Source: RFC 6763, section 6.1."""


class Advert(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as the network is told about it."""

    label: str
    """Host name without `.local`."""
    port: int
    addresses: tuple[str, ...]
    """IP addresses it is reached at; it is announced on their interfaces."""
    tls_fingerprint: str | None = None
    """SHA-256 of the certificate, 64 lower-case hex digits; `None` without TLS."""
    ssh_port: int | None = None
    tailnet_dns: str | None = None
    cli_path: str | None = None
    """These three are told in mode `full` only."""

    @property
    def instance(self) -> str:
        """The full service name."""
        return f"{self.label}{SUFFIX}.{SERVICE_TYPE}"

    @property
    def server(self) -> str:
        """The host name the service is at."""
        return f"{self.label}.local."

    @property
    def txt(self) -> dict[str, str]:
        """The TXT record. It is not authenticated: clients take every value for a hint."""
        told: dict[str, str | None] = {
            "role": "gateway",
            "transport": "gateway",
            "displayName": self.label,
            "gatewayPort": str(self.port),
            "lanHost": f"{self.label}.local",
            "gatewayTls": None if self.tls_fingerprint is None else "1",
            "gatewayTlsSha256": self.tls_fingerprint,
            "gatewayDirectReachable": "1",
            "tailnetDns": self.tailnet_dns,
            "sshPort": None if self.ssh_port is None else str(self.ssh_port),
            "cliPath": self.cli_path,
        }
        return {key: value for key, value in told.items() if value is not None and _fits(key, value)}


def machine_label() -> str:
    """This machine's name as a host label, or a fixed one when it is none."""
    label = socket.gethostname().partition(".")[0]
    return label if LABEL.fullmatch(label) else FALLBACK_LABEL


def _fits(key: str, value: str) -> bool:
    return len(f"{key}={value}".encode()) <= MAX_TXT_BYTES
