"""Which gateway a command talks to, and with what.

Without an address it is the gateway of the home, over its Unix socket: whoever can open that is its owner and
needs no token. With one it is that gateway, over WebSocket and with a token.
"""

import argparse
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from gateway.cli.failure import Misused
from gateway.kernel.home import Home

URL_VARIABLE: Final = "HOMARUS_URL"
TOKEN_VARIABLE: Final = "HOMARUS_TOKEN"  # noqa: S105 - the name of a variable

DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}
_SCHEMES: Final = {"http": "ws", "https": "wss"}


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
            Misused: when it is none.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Misused(f"{url!r} is no address", "use ws://HOST:PORT or wss://HOST:PORT") from None
        scheme = _SCHEMES.get(parts.scheme, parts.scheme)
        if scheme not in DEFAULT_PORTS or not parts.hostname:
            raise Misused(f"{url!r} is no address", "use ws://HOST:PORT or wss://HOST:PORT")
        return cls(
            secure=scheme == "wss",
            host=parts.hostname,
            port=port or DEFAULT_PORTS[scheme],
            path=parts.path or "/",
        )

    @property
    def loopback(self) -> bool:
        """Whether it is certainly this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.secure else 'ws'}://{host}:{self.port}{self.path}"


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to connect."""

    home: Home
    address: Address | None = None
    """`None` means the home's own socket."""
    secret: str | None = None
    """Token or password."""
    fingerprint: str | None = None
    """SHA-256 of the one certificate to accept, hex digits only."""
    insecure: bool = False
    timeout_s: float = 30.0

    @classmethod
    def of(cls, options: argparse.Namespace, env: Mapping[str, str] = os.environ) -> "Reach":
        """What flags and environment say.

        Raises:
            Misused: when they make no sense.
        """
        url = options.url or env.get(URL_VARIABLE)
        home = Home.locate(options.home, env)
        address = Address.parse(url) if url else None
        return cls(
            home=home,
            address=address,
            secret=(options.token or env.get(TOKEN_VARIABLE) or _token_file(home)) if address else None,
            fingerprint=_fingerprint(options.tls_fingerprint) if options.tls_fingerprint else None,
            insecure=options.insecure,
            timeout_s=options.timeout,
        )

    def __str__(self) -> str:
        return str(self.address) if self.address is not None else str(self.home.root)


def _token_file(home: Home) -> str | None:
    """The generated token of the home, which is right when the address is of its gateway."""
    from gateway.kernel.config.gateway import TOKEN_FILE

    path: Path = home.root / TOKEN_FILE
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        # The gateway will say that a token is missing, and how to give one.
        return None


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").lower().removeprefix("sha256")
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise Misused(
            "--tls-fingerprint is no SHA-256", "copy what `homarus gateway run` printed at its start"
        )
    return digits
