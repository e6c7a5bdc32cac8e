"""What lower tiers ask of higher ones, as small protocols."""

from typing import Protocol

import msgspec

from gateway.kernel.rpc.context import PeerFacts, Principal
from protocol.connect import ConnectParams, HelloAuth


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a successful `connect`."""

    principal: Principal
    auth: HelloAuth
    """What `hello-ok.auth` says, including a newly issued device token."""


class Admission(Protocol):
    """Decides whether a connection may enter. Implemented by `devices`."""

    async def admit(self, params: ConnectParams, peer: PeerFacts) -> Admitted:
        """Check credentials, device and grant of an attempt whose form and device proof are already verified.

        Raises:
            GatewayError: with the wire code, `details.code` and recovery hints of the handshake error matrix.
        """
        ...

    async def still_valid(self, principal: Principal) -> bool:
        """Whether the grant behind an open connection still stands."""
        ...
