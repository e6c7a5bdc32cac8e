"""Output of a command on its way to the gateway while the command still runs."""

import asyncio
from typing import Final

from device_node.link import Link
from device_node.supervisor import Supervisor
from protocol.errors import GatewayError
from protocol.methods.node_reports import MAX_CHUNK_CHARS, NodeInvokeProgress

MAX_WAITING_CHARS: Final = 256 * 1024
"""Output that may wait for a slow line. The result holds all of it anyway, so more is left out."""

LEFT_OUT: Final = "\n[output left out]\n"

MAX_CHUNK_BYTES: Final = MAX_CHUNK_CHARS
"""OpenClaw counts bytes where its schema says characters; pieces keep to both."""

DRAIN_S: Final = 5.0
"""How long a result waits for the output before it."""


class Pieces:
    """Numbers the output of one command and sends it in order, a piece at a time."""

    def __init__(self, invoke_id: str, node_id: str, link: Link | None, tasks: Supervisor) -> None:
        self._invoke_id = invoke_id
        self._node_id = node_id
        self._link = link
        self._tasks = tasks
        self._waiting = ""
        self._seq = 0
        self._sender: asyncio.Task[None] | None = None

    def add(self, text: str) -> None:
        """Send some output when its turn comes."""
        if self._link is None or not text:
            return
        if len(self._waiting) + len(text) > MAX_WAITING_CHARS:
            if not self._waiting.endswith(LEFT_OUT):
                self._waiting += LEFT_OUT
            return
        self._waiting += text
        if self._sender is None or self._sender.done():
            self._sender = self._tasks.spawn(f"output of {self._invoke_id}", self._send())

    async def drain(self) -> None:
        """Wait, not for long, until everything is sent."""
        if self._sender is not None and not self._sender.done():
            await asyncio.wait([self._sender], timeout=DRAIN_S)

    async def _send(self) -> None:
        while self._waiting and self._link is not None:
            chunk, self._waiting = _split(self._waiting)
            call = NodeInvokeProgress(
                invoke_id=self._invoke_id, node_id=self._node_id, seq=self._seq, chunk=chunk
            )
            self._seq += 1
            try:
                taken = await self._link.call(call)
            except GatewayError:
                # Nobody listens any more; the result tells everything.
                self._link = None
                return
            if taken.ignored:
                self._link = None


def _split(text: str) -> tuple[str, str]:
    """The longest piece that may be sent, and the rest."""
    piece = text[:MAX_CHUNK_CHARS]
    data = piece.encode("utf-8", "surrogatepass")
    if len(data) > MAX_CHUNK_BYTES:
        piece = data[:MAX_CHUNK_BYTES].decode("utf-8", "ignore")
    return piece, text[len(piece) :]
