"""What the network tells the rest of the gateway over the bus."""

import msgspec

from gateway.kernel.rpc.context import Principal


class ConnectionOpened(msgspec.Struct, frozen=True):
    """A caller was admitted and has its `hello-ok`."""

    principal: Principal


class ConnectionClosed(msgspec.Struct, frozen=True):
    """An admitted connection ended."""

    principal: Principal
    code: int
    reason: str
