"""Which conversation a message belongs to when its sender names none."""

import hashlib
import re
from typing import Final

from gateway.routing.model import Arrival
from gateway.sessions.keys import MAIN

OWN_CHANNELS: Final = frozenset({"webchat", "voice", "canvas", "cli", "cron", "http"})
"""Ways in that belong to the gateway's owner; they share the agent's main conversation."""

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\%\u202a-\u202e\u2066-\u2069]|\.\.")

MAX_PEER_CHARS: Final = 200
"""Longer ids are named by their hash, so that a key stays under its 512 characters."""


def session_name(arrival: Arrival) -> str:
    """The session key without its agent: `main`, or `<channel>:direct|group:<peer>[:thread:<id>]`.

    Every peer has a conversation of its own, so that one person never reads what another wrote to the agent.
    """
    if arrival.channel in OWN_CHANNELS:
        return MAIN
    peer = arrival.conversation or arrival.sender
    if not peer:
        return MAIN
    kind = "group" if arrival.is_group else "direct"
    name = f"{arrival.channel}:{kind}:{_safe(peer)}"
    return f"{name}:thread:{_safe(arrival.thread)}" if arrival.thread else name


def _safe(peer: str) -> str:
    """`peer` as part of a key; ids a key cannot hold are named by a hash, so that no two of them meet."""
    if len(peer) <= MAX_PEER_CHARS and _UNSAFE.search(peer) is None:
        return peer
    return f"sha256-{hashlib.sha256(peer.encode()).hexdigest()[:32]}"
