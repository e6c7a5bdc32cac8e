"""The section `[discovery]`."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from gateway.kernel.config.settings import ConfigIssue, Settings

LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,50}[A-Za-z0-9])?")
"""A host label of at most 52 bytes: with ` (OpenClaw)` behind it the instance name fills one DNS label of 63.

Source: RFC 1123, section 2.1; RFC 6763, section 4.1.1.
"""

MAX_INTERFACES: Final = 16
"""A socket each; machines with more networks than that are not on anybody's desk."""


class DiscoverySettings(Settings):
    """Whether and how the gateway is announced in the local network."""

    section: ClassVar[str] = "discovery"

    mode: Literal["off", "minimal", "full"] = "minimal"
    """`full` adds what helps to reach the machine over SSH. On a loopback bind none of it applies."""
    hostname: str | None = None
    """What the machine is called there, without `.local`; unset means its own name."""
    interfaces: Annotated[tuple[str, ...], Meta(max_length=MAX_INTERFACES)] = ()
    """Own addresses to announce on; empty means every one the gateway listens to, loopback left out."""
    ssh_port: Annotated[int, Meta(ge=1, le=65535)] = 22
    """Told in mode `full` only."""
    tailnet_dns: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    """This machine's name in a Tailscale network; told in mode `full` only."""

    def problems(self) -> Iterator[ConfigIssue]:
        """Names and addresses that are none."""
        if self.hostname is not None and LABEL.fullmatch(self.hostname) is None:
            yield ConfigIssue(
                "discovery.hostname", "expected at most 52 letters, digits and inner hyphens, without .local"
            )
        for index, address in enumerate(self.interfaces):
            try:
                ipaddress.ip_address(address)
            except ValueError:
                yield ConfigIssue(f"discovery.interfaces[{index}]", "expected an IP address of this machine")
