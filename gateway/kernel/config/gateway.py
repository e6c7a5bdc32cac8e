"""The kernel's own two sections: how the gateway listens and how it logs."""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from gateway.kernel.config.settings import ConfigIssue, Settings, SettingsPart
from gateway.kernel.secret import Secret

DEFAULT_PORT: Final = 18789
"""Where every OpenClaw client looks for a gateway on this machine."""

TOKEN_FILE: Final = "keys/gateway.token"  # noqa: S105 - a file name
"""The generated shared token, relative to the home; an unset `gateway.auth.token` means this file."""

MIN_SECRET_CHARS_LOOPBACK: Final = 8
"""Only programs on this machine can guess, and ten wrong guesses lock them out."""

MIN_SECRET_CHARS_NETWORK: Final = 16
"""At 16 random characters guessing over a network is hopeless even without the lock-out."""

MAX_SECRET_CHARS: Final = 4096
"""It has to fit into a `connect` frame of 64 KiB beside everything else."""

PLACEHOLDERS: Final = frozenset(
    {
        "undefined",
        "null",
        "none",
        "nil",
        "nan",
        "true",
        "false",
        "changeme",
        "change-me",
        "change_me",
        "changemeplease",
        "replace-me",
        "replaceme",
        "placeholder",
        "password",
        "password1",
        "secret",
        "secrettoken",
        "token",
        "yourtoken",
        "your-token",
        "your_token",
        "yourtokenhere",
        "your-token-here",
        "your_token_here",
        "your-secret-token",
        "mysecret",
        "mytoken",
        "example",
        "[object object]",
        "__openclaw_redacted__",
        "12345678",
        "123456789",
        "1234567890",
        "1234567890123456",
    }
)
"""What an unset variable, a template or a copied example leaves behind, lower case.

Observed as live credentials in OpenClaw issue 139494 ("undefined") and in public deployment templates.
"""

Port = Annotated[int, Meta(ge=0, le=65535)]
Text = Annotated[str, Meta(min_length=1, max_length=512)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class AuthSettings(SettingsPart):
    """What a client without a device of its own must present."""

    mode: Literal["token", "password", "none"] = "token"
    """`none` is accepted on loopback only."""
    token: Secret | None = None
    """Shared token; unset means the generated one in `keys/gateway.token`."""
    password: Secret | None = None
    """Shared password, for mode `password`."""


class TlsSettings(SettingsPart):
    """Encryption of the one port."""

    enabled: bool = False
    cert: str | None = None
    """PEM file, relative to the home; unset means a self-signed certificate made on first use."""
    key: str | None = None
    """PEM file of the private key, relative to the home."""


class LimitSettings(SettingsPart):
    """Bounds against strangers and mistakes."""

    max_connections: Count = 1024
    """Admitted connections at the same time; this machine's own user always gets in."""
    max_requests_per_connection: Count = 128
    """Requests of one connection that run at the same time; more are refused unstarted."""
    max_half_open: Count = 1024
    """Connections that have not finished their handshake, over all addresses."""
    max_half_open_per_ip: Count = 256
    """The same for one address."""
    auth_failures: Count = 10
    """Wrong credentials within `auth_window_s` that lock an address out."""
    auth_window_s: Count = 60
    """Seconds."""
    auth_lockout_s: Count = 300
    """Seconds."""


class GatewaySettings(Settings):
    """How the gateway listens, and whom it lets in."""

    section: ClassVar[str] = "gateway"
    restart: ClassVar[frozenset[str]] = frozenset({"host", "port", "tls"})

    host: Text = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for every IPv4 interface, `::` for every IPv6 one."""
    port: Port = DEFAULT_PORT
    """0 picks a free one."""
    auth: AuthSettings = AuthSettings()
    tls: TlsSettings = TlsSettings()
    public_url: str | None = None
    """The `https://` or `http://` address others reach this gateway at; put into setup codes."""
    allowed_origins: tuple[Text, ...] = ()
    """Browser origins let in besides the gateway's own page, exact: `https://desk.example`."""
    allowed_hosts: tuple[Text, ...] = ()
    """`Host` names accepted besides the bound address, localhost and that of `public_url`."""
    trusted_proxies: tuple[Text, ...] = ()
    """IP addresses whose forwarding headers are believed."""
    limits: LimitSettings = LimitSettings()

    def problems(self) -> Iterator[ConfigIssue]:
        """Wrong spellings, weak secrets, and a network bind without credentials."""
        yield from self._spelling_problems()
        loopback = is_loopback(self.host)
        if self.auth.mode == "none":
            if not loopback:
                yield ConfigIssue(
                    "gateway.auth.mode",
                    f'"none" is only allowed on loopback, not on {self.host}; set mode = "token"',
                    unsafe=True,
                )
            return
        field = self.auth.mode
        secret = self.auth.token if field == "token" else self.auth.password
        path = f"gateway.auth.{field}"
        if secret is None:
            if field == "password":
                yield ConfigIssue(path, 'auth mode "password" needs a password', unsafe=True)
            return
        weakness = secret.problem or secret_weakness(secret.reveal(), loopback=loopback)
        if weakness:
            yield ConfigIssue(path, weakness, unsafe=True)

    def _spelling_problems(self) -> Iterator[ConfigIssue]:
        for index, origin in enumerate(self.allowed_origins):
            if not _is_origin(origin):
                yield ConfigIssue(
                    f"gateway.allowed_origins[{index}]", "expected scheme://host[:port] without a path"
                )
        for index, address in enumerate(self.trusted_proxies):
            if not _is_address(address):
                yield ConfigIssue(f"gateway.trusted_proxies[{index}]", "expected an IP address")
        if self.public_url is not None and not _is_http_url(self.public_url):
            yield ConfigIssue("gateway.public_url", "expected an http:// or https:// address")
        if (self.tls.cert is None) != (self.tls.key is None):
            yield ConfigIssue("gateway.tls", "cert and key belong together: set both or neither")


class LoggingSettings(Settings):
    """What is written to `logs/` and to the terminal."""

    section: ClassVar[str] = "logging"

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written; takes effect at once."""
    max_file_bytes: Annotated[int, Meta(ge=64 * 1024, le=1 << 30)] = 5 * 1024 * 1024
    """A log file that grew to this is set aside."""
    max_files: Annotated[int, Meta(ge=2, le=100)] = 4
    """Files kept, the one being written included."""


def secret_weakness(text: str, *, loopback: bool) -> str:
    """Why `text` may not guard the gateway, or empty when it may. The answer never holds the text."""
    least = MIN_SECRET_CHARS_LOOPBACK if loopback else MIN_SECRET_CHARS_NETWORK
    if not text.strip():
        return "is empty; set one, or remove the line to have one generated"
    if text.strip().lower() in PLACEHOLDERS:
        return "is a placeholder, not a secret; set a real one, or remove the line to have one generated"
    if text != text.strip() or not text.isprintable():
        return "has spaces around it or control characters in it"
    if len(text) < least:
        place = "on loopback" if loopback else "on a network address"
        return f"is too short: {place} it needs at least {least} characters"
    if len(text) > MAX_SECRET_CHARS:
        return f"is too long: {MAX_SECRET_CHARS} characters are enough"
    if len(set(text)) < 4:
        return "repeats the same few characters"
    return ""


def is_loopback(host: str) -> bool:
    """Whether listening on `host` is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        return False
    bare = not (parts.path or parts.query or parts.fragment or parts.username)
    return bool(parts.scheme and parts.hostname and bare and port_ok)


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
