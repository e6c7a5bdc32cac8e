"""Signs of life beyond the socket: this machine's load, and that somebody is at home."""

import asyncio
import logging
import time
from typing import Final, Literal

import msgspec

from device_node.link import Link
from device_node.stats import host_stats
from device_node.text import printable
from protocol.errors import GatewayError
from protocol.method import Wire
from protocol.methods.node_reports import NodeEvent

INTERVAL_S: Final = 60.0
"""Between two reports of the load. Source: OpenClaw docs/nodes/node-host.md; observed."""

logger = logging.getLogger(__name__)


class PresenceAlive(Wire):
    """Payload of `node.presence.alive`."""

    trigger: Literal["connect"]
    sent_at_ms: int


async def beat(link: Link) -> None:
    """Report at once and then every minute, until the connection ends."""
    await _report(link, alive())
    while not link.ended:
        stats = host_stats()
        if stats is not None:
            await _report(link, _event("node.host.stats", stats))
        await asyncio.sleep(INTERVAL_S)


def alive() -> NodeEvent:
    """That this device is there."""
    payload = PresenceAlive(trigger="connect", sent_at_ms=int(time.time() * 1000))
    return _event("node.presence.alive", payload)


async def _report(link: Link, event: NodeEvent) -> None:
    try:
        await link.call(event)
    except GatewayError as error:
        # The next one comes in a minute.
        logger.info("%s was not taken: %s", event.event, printable(error.message))


def _event(name: str, payload: Wire) -> NodeEvent:
    return NodeEvent(event=name, payload_json=msgspec.json.encode(payload).decode())
