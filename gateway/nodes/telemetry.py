"""Batteries of nodes, as far as they say how full they are."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.supervisor import Supervisor
from gateway.nodes.invoke import Ask, Invocations
from gateway.nodes.model import LiveNode
from protocol.commands.device import Battery
from protocol.errors import GatewayError
from protocol.method import Wire
from protocol.methods.node_reports import NodeInvokeResult

FRESH_MS: Final = 5 * 60_000
"""A phone loses a few percent at most in this time."""

PATIENCE_MS: Final = 1500
"""A choice waits no longer for a node to say how full it is; a phone on a bad line is judged without."""

COMMAND: Final = "device.status"

logger = logging.getLogger(__name__)


class _Status(Wire):
    """The part of `device.status` that counts; apps of other versions send more or less."""

    battery: Battery | None = None


class Telemetry:
    """Remembers what nodes answer to `device.status`, and asks when a choice depends on it."""

    def __init__(self, invocations: Invocations, clock: Clock, tasks: Supervisor) -> None:
        self._invocations = invocations
        self._clock = clock
        self._tasks = tasks
        invocations.when_answered(self._on_answer)

    async def refresh(self, nodes: Sequence[LiveNode]) -> None:
        """Ask those whose battery was not heard of lately; returns when they answered, or soon after."""
        now_ms = self._clock.now_ms()
        stale = [
            live
            for live in nodes
            if COMMAND in live.effective.commands and now_ms - live.battery_ms > FRESH_MS
        ]
        if not stale:
            return
        for live in stale:
            live.battery_ms = now_ms  # one question at a time, and none soon after a failed one
        asked = [self._tasks.spawn("ask for the battery", self._ask(live)) for live in stale]
        await asyncio.wait(asked)

    async def _ask(self, live: LiveNode) -> None:
        ask = Ask(command=COMMAND, params_json="{}", timeout_ms=PATIENCE_MS)
        try:
            await self._invocations.invoke(live.node_id, ask)
        except GatewayError as error:
            logger.info("node %s did not say how it is: %s", live.node_id[:12], error.message[:200])

    def _on_answer(self, live: LiveNode, command: str, result: NodeInvokeResult) -> None:
        if command != COMMAND or not result.ok:
            return
        raw = result.payload_json.encode() if result.payload_json is not None else result.payload
        if raw is msgspec.UNSET:
            return
        try:
            live.battery = msgspec.json.decode(raw, type=_Status).battery
        except msgspec.MsgspecError as error:
            logger.info("node %s says nothing usable of its battery: %s", live.node_id[:12], error)
            return
        live.battery_ms = self._clock.now_ms()
