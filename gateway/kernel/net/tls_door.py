"""Where a TLS connection stands until its handshake is done.

asyncio's own TLS listener shows a connection to nobody before that: strangers who never finish would be
neither counted nor, for a minute, hung up on. Here they are counted from the first moment.
"""

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable
from typing import Final, cast

from gateway.kernel.net.doorman import Doorman, TcpPeer
from gateway.kernel.supervisor import Supervisor

HANDSHAKE_S: Final = 10.0
"""A round trip or two; a slow phone needs one second."""

RECEIVE_BUFFER_BYTES: Final = 32 * 1024
"""Two TLS records. asyncio takes 256 KiB for each connection, which made 1,024 strangers cost 280 MB."""

sslproto.SSLProtocol.max_size = RECEIVE_BUFFER_BYTES


class TlsDoor(asyncio.Protocol):
    """One TCP connection; what `make` returns gets the TLS transport after the handshake."""

    def __init__(
        self,
        context: ssl.SSLContext,
        make: Callable[[], asyncio.Protocol],
        doorman: Doorman,
        tasks: Supervisor,
    ) -> None:
        self.peer = TcpPeer("")
        self._context = context
        self._make = make
        self._doorman = doorman
        self._tasks = tasks
        self._early = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing before TLS does, and start the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        name = transport.get_extra_info("peername")
        self.peer = TcpPeer(cast("str", name[0]) if isinstance(name, tuple) else "")
        self._doorman.enter(self)
        self._tasks.spawn("tls handshake", self._shake_hands())

    def data_received(self, data: bytes) -> None:
        """Keep what came right behind the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nobody here to tell
        """The peer left, or was shown out."""
        self._doorman.leave(self)

    def turn_away(self, code: int, reason: str) -> None:  # noqa: ARG002 - there is no way to say it yet
        """See `Stranger.turn_away`."""
        self._transport.abort()

    async def _shake_hands(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport, self, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except OSError:  # no TLS, no common version, too slow, or gone: there is nobody to tell
            transport = None
        self._doorman.leave(self)
        if transport is None or transport.is_closing():
            self._transport.abort()
            return
        protocol = self._make()
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        if self._early:
            protocol.data_received(bytes(self._early))
