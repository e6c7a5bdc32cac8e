"""Opens the WebSocket to a gateway; the certificate is checked before anything is said over it."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI

from device_node.address import Address
from device_node.failure import Denied, Unreachable
from device_node.text import printable
from protocol.limits import MAX_PAYLOAD_BYTES

OPEN_TIMEOUT_S: Final = 10.0
"""A gateway answers the upgrade at once; more than this is a firewall that swallows packets."""

GOODBYE_S: Final = 1.0
"""How long to wait for the other side's half of a closing handshake."""

MAX_FRAME_BYTES: Final = MAX_PAYLOAD_BYTES + 64 * 1024
"""The gateway keeps to its own limit; the envelope comes on top."""


class _Direct(connect):
    """Follows no redirect: the address was judged, and where it leads was not."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Whatever it is, it is no connection."""
        return exc


@asynccontextmanager
async def dialled(address: Address, fingerprint: str | None) -> AsyncGenerator[ClientConnection]:
    """An open WebSocket to `address`, closed at the end.

    Args:
        address: Where the gateway is.
        fingerprint: SHA-256 of the only certificate to accept; None trusts what this machine trusts.

    Raises:
        Unreachable: when no gateway answers there.
        Denied: when its certificate is not the expected one, or it refuses the upgrade.
    """
    try:
        socket = await _Direct(
            str(address),
            ssl=tls_context(fingerprint) if address.secure else None,
            compression=None,  # frames are small; a compressor costs more memory than everything else here
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=GOODBYE_S,
            ping_interval=None,  # the gateway's ticks tell whether the line lives
            max_size=MAX_FRAME_BYTES,
            user_agent_header=None,
            proxy=None,
        )
    except ssl.SSLCertVerificationError as error:
        raise Denied(
            f"the certificate of {address} is not trusted: {error.verify_message}",
            "pair with the fingerprint the gateway printed: `homarus node pair ... --tls-fingerprint SHA256`",
        ) from error
    except (OSError, TimeoutError, asyncio.IncompleteReadError, EOFError) as error:
        reason = printable(str(error) or type(error).__name__, 200)
        raise Unreachable(
            f"no gateway answers at {address}: {reason}", "check that it runs, the address and the firewall"
        ) from error
    except (InvalidHandshake, InvalidURI) as error:
        raise Denied(
            f"what answers at {address} refuses the connection: {printable(str(error), 200)}",
            "check that this is the gateway's address",
        ) from error
    try:
        if fingerprint is not None and address.secure:
            secured: ssl.SSLObject | None = socket.transport.get_extra_info("ssl_object")
            certificate = secured.getpeercert(binary_form=True) if secured is not None else None
            check_certificate(certificate, address, fingerprint)
        yield socket
    finally:
        await socket.close()


def tls_context(fingerprint: str | None) -> ssl.SSLContext:
    """What this machine trusts; with a fingerprint anything, because `check_certificate` must follow."""
    context = ssl.create_default_context()
    if fingerprint is not None:
        # The fingerprint says more than any authority could; names and issuers no longer matter.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def check_certificate(certificate: bytes | None, address: Address, fingerprint: str) -> None:
    """Hold a certificate (DER) against the only one to accept, before anything is said.

    Raises:
        Denied: when it is another.
    """
    found = hashlib.sha256(certificate or b"").hexdigest()
    if found != fingerprint:
        raise Denied(
            f"{address} has another certificate, with SHA-256 {found}",
            "compare it with what the gateway printed; if it was renewed, pair again with the new one",
        )
