"""What operators hear about pairing.

Source: events recorded from OpenClaw 2026.9.6.
"""

from typing import Literal

from protocol.method import Event, event
from protocol.nouns.device import PairRequest, SetupCompletion
from protocol.scopes import Scope


@event("device.pair.requested", Scope.PAIRING)
class DevicePairRequested(PairRequest, Event):
    """A device waits for an approval."""


@event("device.pair.resolved", Scope.PAIRING)
class DevicePairResolved(Event):
    """A request is no longer pending."""

    request_id: str
    device_id: str
    decision: Literal["approved", "rejected", "expired"]
    ts: int


@event("device.pair.changed", Scope.PAIRING)
class DevicePairChanged(Event):
    """Something in `device.pair.list` changed; read it again."""


@event("device.pair.setup.completed", Scope.PAIRING)
class DevicePairSetupCompleted(SetupCompletion, Event):
    """A setup code let a device in."""
