"""Which gateway this node goes to, and with what."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from device_node.address import Address, normal_fingerprint, stays_near
from device_node.config import GatewaySettings
from device_node.credentials import Credential, read_reference, read_token
from device_node.home import NodeHome
from device_node.tokens import TokenStore

DEFAULT_PORT: Final = 18789
"""Where a gateway of this machine listens unless told otherwise. Source: OpenClaw docs/gateway/index.md."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to connect."""

    address: Address
    fingerprint: str | None
    credential: Credential


def destination(
    settings: GatewaySettings, home: NodeHome, tokens: TokenStore | None, env: Mapping[str, str]
) -> Destination:
    """The configured gateway, else the one of this machine; its own device token before any shared one.

    Without `tokens` no device token is looked for: a person who pairs again has a reason to.

    Raises:
        Misused: when a setting makes no sense or refers to nothing.
        NodeError: when the stored tokens are damaged.
    """
    local = _local_gateway(home) if settings.url is None else None
    address = Address.parse(settings.url or (local.url if local is not None else _local_url(home)))
    pin = settings.tls_fingerprint or (local.tls_fingerprint if local is not None else None)
    return Destination(
        address=address,
        fingerprint=normal_fingerprint(pin) if pin is not None else None,
        credential=_credential(settings, address, home, tokens, env),
    )


def _credential(
    settings: GatewaySettings,
    address: Address,
    home: NodeHome,
    tokens: TokenStore | None,
    env: Mapping[str, str],
) -> Credential:
    device = tokens.find(str(address)) if tokens is not None else None
    if device is not None:
        return Credential("device", device)
    if settings.token is not None:
        return Credential("shared", read_reference(settings.token, home.root, env))
    if is_loopback(address):
        shared = read_token(home.gateway_token_path)
        if shared is not None:
            return Credential("shared", shared)
    return Credential("none")


def is_loopback(address: Address) -> bool:
    """Whether the gateway is certainly on this machine."""
    return address.host in {"localhost", "::1"} or (
        address.host.startswith("127.") and stays_near(address.host)
    )


class _Whereabouts(msgspec.Struct, rename="camel"):
    """What a gateway that runs from the same home says about itself."""

    url: str
    tls_fingerprint: str | None


def _local_gateway(home: NodeHome) -> _Whereabouts | None:
    """The gateway of this home that runs now; what a crash left behind is tried like it."""
    try:
        return msgspec.json.decode(home.whereabouts_path.read_bytes(), type=_Whereabouts)
    except (OSError, msgspec.MsgspecError):
        return None  # not running, or being written by somebody else: the settings tell as well


def _local_url(home: NodeHome) -> str:
    return f"ws://127.0.0.1:{_configured_port(home.base / 'homarus.toml') or DEFAULT_PORT}"


def _configured_port(path: Path) -> int | None:
    """The port in the gateway's own settings; a file that is faulty is the gateway's business, not ours."""
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        port = settings["gateway"]["port"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return port if isinstance(port, int) and 0 < port < 65_536 else None
