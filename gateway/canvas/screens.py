"""Nodes that show surfaces: each shows those of one session, and again when it comes back."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from gateway.canvas import store
from gateway.kernel.log import printable
from gateway.kernel.store.db import Database
from gateway.kernel.supervisor import Supervisor
from gateway.nodes.invoke import Ask, Invocations
from gateway.nodes.model import LiveNode
from gateway.nodes.registry import NodeRegistry
from protocol.a2ui.surfaces import Message, Surfaces
from protocol.commands.canvas import CanvasA2uiPush, CanvasA2uiPushJsonl, CanvasA2uiReset
from protocol.errors import GatewayError, InvalidRequest

PUSH: Final = CanvasA2uiPush.wire_name
PUSH_JSONL: Final = CanvasA2uiPushJsonl.wire_name
RESET: Final = CanvasA2uiReset.wire_name

logger = logging.getLogger(__name__)


class Screens:
    """Chooses the node, and keeps it up to date."""

    def __init__(
        self,
        db: Database,
        registry: NodeRegistry,
        invocations: Invocations,
        tasks: Supervisor,
    ) -> None:
        self._db = db
        self._registry = registry
        self._invocations = invocations
        self._tasks = tasks
        self._messages: Callable[[str], Awaitable[list[Message]]] | None = None
        self._showing: dict[str, str] = {}
        """Session by node."""

    async def start(self, messages: Callable[[str], Awaitable[list[Message]]]) -> None:
        """Read what each node shows, and follow nodes that come.

        Args:
            messages: What draws the surfaces of a session from nothing.
        """
        self._messages = messages
        self._showing = await self._db.read(store.screens)
        self._registry.when_arrived(self._arrived)

    async def show(
        self, session_key: str, messages: Sequence[Message], after: Surfaces, node: str | None = None
    ) -> str | None:
        """Draw new messages on the node of a session; returns its name, or None when none is connected.

        Raises:
            InvalidRequest: `node` is not connected, or has no canvas.
        """
        live = self._target(session_key, node)
        if live is None:
            return None
        fresh = self._showing.get(live.node_id) != session_key
        if fresh:
            await self._remember(live.node_id, session_key)
        try:
            if fresh:
                await self._anew(live, session_key, after.messages())
            else:
                await self._push(live, session_key, messages)
        except GatewayError as error:
            logger.warning("node %s does not draw: %s", printable(_name(live)), printable(error.message))
            return None
        return _name(live)

    async def clear(self, session_key: str, node: str | None = None) -> str | None:
        """Take the surfaces of a session from the nodes that show them; returns the name of one."""
        cleared: str | None = None
        for live in self._capable():
            if self._showing.get(live.node_id) == session_key and node in {None, live.node_id, _name(live)}:
                await self.ask(live, RESET, {}, session_key)
                cleared = _name(live)
        return cleared

    def target(self, session_key: str, node: str | None) -> LiveNode:
        """The node for a session.

        Raises:
            InvalidRequest: none is connected that has a canvas.
        """
        live = self._target(session_key, node)
        if live is None:
            raise InvalidRequest("no device with a canvas is connected; connect one with `homarus node run`")
        return live

    async def ask(self, live: LiveNode, command: str, params: object, session_key: str) -> msgspec.Raw:
        """Ask a node for a command of the canvas.

        Raises:
            GatewayError: it cannot, or does not.
        """
        text = msgspec.json.encode(params).decode()
        answer = await self._invocations.invoke(
            live.node_id, Ask(command=command, params_json=text, session_key=session_key)
        )
        return answer.payload

    def _target(self, session_key: str, node: str | None) -> LiveNode | None:
        capable = self._capable()
        if node:
            for live in capable:
                if node in {live.node_id, _name(live)}:
                    return live
            raise InvalidRequest(f"node: no connected device {node[:128]!r} has a canvas", {"field": "node"})
        mine = [live for live in capable if self._showing.get(live.node_id) == session_key]
        active = self._registry.active
        preferred = [live for live in capable if active is not None and live.node_id == active.node_id]
        return next(iter([*mine, *preferred, *capable]), None)

    def _capable(self) -> list[LiveNode]:
        """Connected nodes that can draw, the one that came last first."""
        able = [live for live in self._registry.connected() if _draws(live)]
        return sorted(able, key=lambda live: -live.connected_ms)

    async def _push(self, live: LiveNode, session_key: str, messages: Sequence[Message]) -> None:
        if PUSH in live.effective.commands:
            await self.ask(live, PUSH, {"messages": messages}, session_key)
            return
        jsonl = "\n".join(msgspec.json.encode(message).decode() for message in messages)
        await self.ask(live, PUSH_JSONL, {"jsonl": jsonl}, session_key)

    async def _anew(self, live: LiveNode, session_key: str, messages: Sequence[Message]) -> None:
        """Draw everything of a session in the place of what the node shows."""
        if RESET in live.effective.commands:
            await self.ask(live, RESET, {}, session_key)
        # A push does not mix versions.
        for version in (None, "v0.9"):
            part = [message for message in messages if message.get("version") == version]
            if part:
                await self._push(live, session_key, part)

    async def _remember(self, node_id: str, session_key: str) -> None:
        self._showing[node_id] = session_key
        await self._db.write(lambda tx: store.show(tx, node_id, session_key))

    def _arrived(self, live: LiveNode) -> None:
        session_key = self._showing.get(live.node_id)
        if session_key is not None and _draws(live):
            self._tasks.spawn("draw on a node again", self._again(live, session_key))

    async def _again(self, live: LiveNode, session_key: str) -> None:
        messages = await self._messages(session_key) if self._messages is not None else []
        if not messages:
            return
        try:
            await self._anew(live, session_key, messages)
        except GatewayError as error:
            logger.info("node %s does not draw again: %s", printable(_name(live)), printable(error.message))


def _draws(live: LiveNode) -> bool:
    return PUSH in live.effective.commands or PUSH_JSONL in live.effective.commands


def _name(live: LiveNode) -> str:
    return live.facts.display_name or live.node_id[:12]
