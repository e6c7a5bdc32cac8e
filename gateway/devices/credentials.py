"""What a client presents to get in, and whether it is the gateway's shared secret."""

from typing import Literal

import msgspec

from gateway.devices.lockout_store import CredentialKind
from gateway.devices.mint import same_secret
from gateway.kernel.config.gateway import AuthSettings
from gateway.kernel.rpc.context import PeerFacts
from protocol.connect import ConnectAuth

SharedMethod = Literal["token", "password", "none"]


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials in a connect request; empty ones count as absent."""

    token: str | None = None
    password: str | None = None
    device_token: str | None = None
    bootstrap_token: str | None = None

    @classmethod
    def of(cls, auth: ConnectAuth | None) -> "Presented":
        """What `connect.params.auth` holds."""
        if auth is None:
            return cls()
        return cls(
            token=auth.token or None,
            password=auth.password or None,
            device_token=auth.device_token or None,
            bootstrap_token=auth.bootstrap_token or None,
        )

    @property
    def kinds(self) -> tuple[CredentialKind, ...]:
        """The kinds that are there, each of which counts when it turns out wrong."""
        kinds: list[CredentialKind] = []
        if self.token or self.password:
            kinds.append("shared")
        if self.device_token:
            kinds.append("device")
        if self.bootstrap_token:
            kinds.append("bootstrap")
        return tuple(kinds)

    def shared_for(self, mode: SharedMethod) -> str | None:
        """The text to hold against the shared secret: the field of the mode, else the other one."""
        if mode == "password":
            return self.password or self.token
        return self.token or self.password

    @property
    def possible_device_token(self) -> str | None:
        """The device token; clients also send theirs in the field of the shared token."""
        return self.device_token or self.token


def shared_method(auth: AuthSettings, presented: Presented, peer: PeerFacts) -> SharedMethod | None:
    """How the client proved the shared secret; None when it did not.

    Mode `none` lets in only programs on this machine: the gateway does not start with it on a network
    address, and a proxy on this machine is not a program on this machine.
    """
    if auth.mode == "none":
        return "none" if peer.direct_loopback else None
    secret = auth.token if auth.mode == "token" else auth.password
    text = presented.shared_for(auth.mode)
    if secret is None or not secret.available or text is None:
        return None
    return auth.mode if same_secret(secret.reveal(), text) else None
