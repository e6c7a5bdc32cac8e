"""What a gateway hands to a new device: a setup code, or a link that gives one, once.

Source: OpenClaw docs/cli/devices.md (2026.9.6), and codes made by it.
"""

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from device_node.address import Address
from device_node.dial import check_certificate, tls_context
from device_node.failure import Misused, NodeError, Unreachable
from device_node.text import printable
from protocol.signature import decode_base64url

LINK_SCHEME: Final = "oc-pair://"

JOIN_PATH: Final = "/j/"
"""Where the page behind a join link lies."""

MAX_CODE_CHARS: Final = 16 * 1024
"""Codes have a few hundred; a QR code holds 2953 bytes at most."""

FETCH_TIMEOUT_S: Final = 15.0

NEW_CODE: Final = "make a new one on the gateway: `homarus devices pair`"

Url = Annotated[str, Meta(min_length=1, max_length=2048)]


class SetupCode(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where the gateway is and what lets this device in, once."""

    url: Url
    bootstrap_token: Annotated[str, Meta(min_length=1, max_length=4096)]
    urls: Annotated[tuple[Url, ...], Meta(max_length=8)] = ()
    """Other ways to the same gateway."""
    expires_at_ms: int | None = None
    tls_fingerprint: str | None = None

    def addresses(self) -> tuple[Address, ...]:
        """Where to try, in order; ways that would need encryption and have none are left out.

        Raises:
            Misused: when no way is left, saying what is wrong with the first.
        """
        found: list[Address] = []
        problem: Misused | None = None
        for url in dict.fromkeys((self.url, *self.urls)):
            try:
                found.append(Address.parse(url))
            except Misused as error:
                problem = problem or error
        if not found and problem is not None:
            raise problem
        return tuple(found)


def read_setup_code(text: str, now_ms: int, fingerprint: str | None = None) -> SetupCode:
    """What a person pasted: a code, an `oc-pair://` link, or a join link, which is used up by this.

    Args:
        text: As pasted; space around and inside is ignored.
        now_ms: Wall clock.
        fingerprint: SHA-256 of the only certificate to accept from a join link.

    Raises:
        Misused: when it is none of them, or expired.
        NodeError: when a join link gives nothing.
    """
    code = "".join(text.split())
    if len(code) > MAX_CODE_CHARS:
        raise Misused("that is too long for a setup code", NEW_CODE)
    if code.startswith(("https://", "http://")):
        return _parsed(_fetched(code, fingerprint), now_ms)
    data = decode_base64url(code.removeprefix(LINK_SCHEME).rstrip("/"))
    if data is None:
        raise Misused("that is no setup code", "paste all of it, or " + NEW_CODE)
    return _parsed(data, now_ms)


def _parsed(data: bytes, now_ms: int) -> SetupCode:
    try:
        code = msgspec.json.decode(data, type=SetupCode)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Misused(f"that is no setup code: {error}", NEW_CODE) from error
    if code.expires_at_ms is not None and code.expires_at_ms <= now_ms:
        raise Misused("the setup code has expired", NEW_CODE)
    return code


def _fetched(link: str, fingerprint: str | None) -> bytes:
    address = Address.parse(link)  # refuses what would travel unencrypted over the internet
    path = urlsplit(link).path
    if JOIN_PATH not in path:
        raise Misused("that is no join link", f"it has {JOIN_PATH} in it; or use the setup code itself")
    connection = _connection(address, fingerprint)
    try:
        connection.connect()
        secured = connection.sock
        if fingerprint is not None and isinstance(secured, ssl.SSLSocket):
            check_certificate(secured.getpeercert(binary_form=True), address, fingerprint)
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        data = answer.read(MAX_CODE_CHARS + 1)
    except ssl.SSLCertVerificationError as error:
        raise NodeError(
            f"the certificate of {address} is not trusted: {error.verify_message}",
            "use the setup code itself, or pass --tls-fingerprint",
        ) from error
    except (OSError, HTTPException) as error:
        raise Unreachable(
            f"the join link gives no answer: {printable(str(error))}", "check the address and the network"
        ) from error
    finally:
        connection.close()
    if answer.status != 200 or len(data) > MAX_CODE_CHARS:
        raise NodeError("the join link was used already, or has expired", NEW_CODE)
    return data


def _connection(address: Address, fingerprint: str | None) -> HTTPConnection:
    if not address.secure:
        return HTTPConnection(address.host, address.port, timeout=FETCH_TIMEOUT_S)
    context = tls_context(fingerprint)
    return HTTPSConnection(address.host, address.port, timeout=FETCH_TIMEOUT_S, context=context)
