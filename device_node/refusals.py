"""What to do when a gateway does not let this node in.

Source: OpenClaw docs/gateway/protocol/auth.md, "recommendedNextStep" (2026.9.6), and recorded refusals.
"""

from typing import Final

import msgspec

from device_node.credentials import Kind
from device_node.text import printable
from protocol.handshake import ConnectRefused

APPROVAL_PAUSE_S: Final = 10.0
"""Between two looks whether a person approved this device meanwhile: soon enough for somebody who watches,
and rarer than any gateway limits connects."""

OWNER_PAUSE_S: Final = 30.0
"""Between two attempts that can only succeed after somebody changed something."""

MAX_PAUSE_S: Final = 600.0
"""However long a gateway wants a client to wait, its owner must be able to see that the node lives."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What a refusal means for this node."""

    what: str
    next_step: str
    pause_s: float | None = None
    """When to try again; None means with the usual growing pauses."""
    drop_device_token: bool = False
    """The stored device token is worthless; try again at once with what else there is."""
    waits_for_approval: bool = False


def judge(refused: ConnectRefused, used: Kind) -> Advice:
    """What to do about a refusal of a connect with a credential of this kind."""
    detail = refused.detail_code or ""
    message = printable(refused.message, 300)
    if refused.code == "NOT_PAIRED" or detail.startswith("PAIRING"):
        return _pairing(refused, message)
    if detail == "AUTH_RATE_LIMITED":
        return Advice(what=message, next_step="it tries again by itself", pause_s=_stated_pause_s(refused))
    if detail.startswith("AUTH_"):
        return _credential(message, used)
    if detail == "PROTOCOL_MISMATCH":
        return Advice(
            what="the gateway speaks another version of the protocol",
            next_step="update the older side",
            pause_s=OWNER_PAUSE_S,
        )
    if refused.retryable or refused.code == "UNAVAILABLE":
        pause_s = _stated_pause_s(refused) if refused.retry_after_ms else None
        return Advice(what=message, next_step="it tries again by itself", pause_s=pause_s)
    return Advice(what=message, next_step="look at the gateway's log", pause_s=OWNER_PAUSE_S)


def _pairing(refused: ConnectRefused, message: str) -> Advice:
    request = refused.details.get("requestId")
    shown = printable(request, 64) if isinstance(request, str) else "REQUEST_ID"
    keeps_trying = refused.details.get("recommendedNextStep") == "wait_then_retry"
    return Advice(
        what=message,
        next_step=f"on the gateway's machine run `homarus devices approve {shown}` "
        f"(OpenClaw: `openclaw devices approve {shown}`); the node waits and comes in by itself",
        pause_s=None if keeps_trying else APPROVAL_PAUSE_S,
        waits_for_approval=True,
    )


def _credential(message: str, used: Kind) -> Advice:
    if used == "device":
        return Advice(
            what="the gateway no longer takes this device's token",
            next_step="pair this device again with `homarus node pair`",
            pause_s=0.0,
            drop_device_token=True,
        )
    steps = {
        "setup": "make a new setup code on the gateway: `homarus devices pair`",
        "shared": "correct the token: `homarus node pair --url ... --token ...`",
        "none": "pair this device: `homarus node pair SETUP_CODE`",
    }
    return Advice(what=message, next_step=steps[used], pause_s=OWNER_PAUSE_S)


def _stated_pause_s(refused: ConnectRefused) -> float:
    stated_s = (refused.retry_after_ms or 0) / 1000
    return min(max(stated_s, 0.1), MAX_PAUSE_S) if stated_s else OWNER_PAUSE_S
