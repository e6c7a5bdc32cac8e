"""What changed about everybody's authority, so that nobody enters on yesterday's."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Principal
from protocol.scopes import Role

T = TypeVar("T")

DEVICE_REMOVED = 4001
"""Close code when a device lost its token or its pairing. Observed: 4001 "device removed"."""


class AuthEpoch:
    """Counts withdrawals of authority and closes what stood on it.

    An entry is decided on a snapshot of the database. `settled` repeats a decision during which authority was
    withdrawn; a withdrawal that comes later finds the connection in the hub and closes it. So no connection
    outlives its grant by more than the time to send a close frame.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._value = 0

    async def settled(self, decide: Callable[[], Awaitable[T]]) -> T:
        """The result of `decide`, made while nothing was withdrawn."""
        while True:
            before = self._value
            result = await decide()
            if self._value == before:
                return result

    def withdraw(self, device_id: str, role: Role | None, *, spare: str | None = None) -> int:
        """Close a device's connections, of one role or all; how many.

        Args:
            device_id: Whose connections.
            role: Only those of this role.
            spare: Connection id to leave open, because it is about to get the answer that tells it.
        """
        self._value += 1

        def lost(principal: Principal) -> bool:
            return (
                principal.device_id == device_id
                and (role is None or principal.role is role)
                and principal.conn_id != spare
            )

        return self._hub.close_where(lost, DEVICE_REMOVED, "device removed")

    def close(self, conn_id: str) -> None:
        """Close the connection that was spared."""
        self._hub.close_where(lambda caller: caller.conn_id == conn_id, DEVICE_REMOVED, "device removed")
