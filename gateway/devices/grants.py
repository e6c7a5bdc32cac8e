"""The rules of entry, without state: who needs a device, who is let in silently, what needs an approval."""

import re
from typing import Final

from gateway.devices.model import Ask, Device
from gateway.devices.refusals import UpgradeReason
from gateway.kernel.rpc.context import PeerFacts
from protocol.connect import BROWSER_CLIENT_IDS, ConnectParams
from protocol.scopes import Role, Scope, covers, parse_scopes

KEEPS_SCOPES: Final = frozenset(
    {("cli", "cli"), ("gateway-client", "backend"), ("homarus-cli", "cli"), ("homarus-cli", "backend")}
)
"""Clients on this machine that act with the shared secret alone: its owner's command lines. Everyone else
without a device gets no scopes. Observed from OpenClaw 2026.9.6; ours added."""

INTERNAL_CLIENT: Final = ("gateway-client", "backend")
"""OpenClaw's CLI helpers on this machine connect so, at times with a device, and never pair it."""

PAGE_CLIENTS: Final = BROWSER_CLIENT_IDS | {"openclaw-tui", "openclaw-browser-copilot"}
"""User interfaces that never get in without a device."""

_FIRST_WORD: Final = re.compile(r"[a-z]+")


def needs_device(params: ConnectParams, peer: PeerFacts) -> bool:
    """Whether this client gets in with a device only: browsers, and other user interfaces."""
    return peer.origin is not None or params.client.id in PAGE_CLIENTS


def is_internal(params: ConnectParams, peer: PeerFacts) -> bool:
    """Whether this is a helper of the command line on this machine."""
    client = (params.client.id, params.client.mode)
    return client == INTERNAL_CLIENT and peer.direct_loopback and peer.origin is None


def asked_scopes(params: ConnectParams) -> tuple[Scope, ...]:
    """The known scopes an operator asks for; unknown ones grant nothing here. Nodes have none."""
    return parse_scopes(params.scopes) if params.role == Role.OPERATOR else ()


def deviceless_scopes(params: ConnectParams, peer: PeerFacts) -> tuple[Scope, ...]:
    """What a client with the shared secret and no device gets."""
    client = (params.client.id, params.client.mode)
    if peer.direct_loopback and peer.origin is None and client in KEEPS_SCOPES:
        return asked_scopes(params)
    return ()


def pairs_silently(ask: Ask, peer: PeerFacts) -> bool:
    """Whether a device with the shared secret is approved at once.

    On this machine only, where whoever knows the secret could approve it anyway; and for a page only when it
    is the gateway's own, because any other page may have been given the secret by accident.
    """
    if not peer.direct_loopback:
        return False
    if peer.origin is None:
        return ask.facts.client_id not in BROWSER_CLIENT_IDS
    return peer.own_origin and ask.facts.client_id in BROWSER_CLIENT_IDS


def upgrade_needed(device: Device, ask: Ask) -> UpgradeReason | None:
    """Why a paired device needs another approval; None when it asks for no more than it has."""
    if ask.role not in device.roles:
        return "role-upgrade"
    if ask.role is Role.OPERATOR and not covers(device.scopes, ask.scopes):
        return "scope-upgrade"
    if _differs(platform_kind(device.facts.platform), platform_kind(ask.facts.platform)):
        return "metadata-upgrade"
    if _differs(device.facts.device_family, ask.facts.device_family):
        return "metadata-upgrade"
    return None


def platform_kind(platform: str) -> str:
    """The operating system in a platform text: an update (`iOS 18.4` to `iOS 18.5`) is no new identity."""
    found = _FIRST_WORD.search(platform.lower())
    return found[0] if found is not None else platform.strip().lower()


def merged(*grants: tuple[Scope, ...]) -> tuple[Scope, ...]:
    """Several grants as one, in order, each scope once."""
    return tuple(dict.fromkeys(scope for grant in grants for scope in grant))


def _differs(pinned: str | None, claimed: str | None) -> bool:
    """Whether a claim contradicts what was pinned; a field that older clients leave out does not."""
    return bool(pinned and claimed) and str(pinned).strip().lower() != str(claimed).strip().lower()
