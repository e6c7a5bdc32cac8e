"""What a connector is to the rest of the gateway."""

from typing import Protocol

from protocol.errors import JsonValue
from protocol.methods.channels import ChannelAccountStatus, MessageAction


class Connector(Protocol):
    """One chat channel. Implementations live in their own packages and join the `ChannelRegistry`."""

    @property
    def id(self) -> str:
        """Stable name such as `matrix`."""
        ...

    @property
    def label(self) -> str:
        """Name a person reads."""
        ...

    async def accounts(self, *, probe: bool) -> list[ChannelAccountStatus]:
        """The state of every account, the default one first; with `probe` the provider is asked."""
        ...

    async def act(self, call: MessageAction) -> JsonValue:
        """Carry out a message action.

        Raises:
            GatewayError: when the provider or the channel's rules refuse it.
        """
        ...
