"""What the network tells the rest of the gateway over the bus."""

import msgspec

from gateway.kernel.rpc.context import Principal
from protocol.connect import ConnectParams


class ConnectionOpened(msgspec.Struct, frozen=True):
    """A caller was admitted and has its `hello-ok`."""

    principal: Principal
    claims: ConnectParams
    """What it said about itself; only the principal was checked."""


class NodeRoleEnded(msgspec.Struct, frozen=True):
    """A device was removed, or lost its token for being a node."""

    device_id: str


class ConnectionClosed(msgspec.Struct, frozen=True):
    """An admitted connection ended."""

    principal: Principal
    code: int
    reason: str
