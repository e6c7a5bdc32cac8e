"""Commands a phone could not do in the background, kept until its app is on the screen.

Source: OpenClaw 2026.9.6, whose gateway keeps them in memory; ours survive a restart.
"""

import hashlib
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.nodes import work_store as store
from gateway.nodes.delivery import pulls
from gateway.nodes.failures import NodeFailed, NodeRefused, node_failure
from gateway.nodes.invoke import Answer, Ask, Invocations
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.work_book import Desk, WorkBook
from gateway.nodes.work_model import WorkRow
from protocol.errors import Conflict, Unavailable
from protocol.ids import new_id

TTL_MS: Final = 600_000
"""A person who asks for a picture does not want it an hour later. Source: OpenClaw."""

BACKGROUND: Final = "NODE_BACKGROUND_UNAVAILABLE"
_BACKGROUND_END: Final = "BACKGROUND_UNAVAILABLE"
_FAMILIES: Final = ("camera.", "canvas.", "screen.", "talk.")
"""What needs the screen; other families have background errors that coming to the front does not help."""

WAITS: Final = "waits until the app is in the foreground on the node"


class QueuedUntilForeground(Unavailable):
    """The node will do it when its app is in the foreground; `details.queuedActionId` names it."""

    detail_code = "QUEUED_UNTIL_FOREGROUND"
    retryable = True

    def __init__(self, row: WorkRow) -> None:
        super().__init__(
            "the node does this when its app is in the foreground; open the app on it",
            {"queuedActionId": row.id, "nodeId": row.node_id, "command": row.command},
        )


def in_background(command: str, code: str | None, message: str | None) -> bool:
    """Whether a node's failure says that it did nothing because its app is in the background.

    Apps put the code into `code`, into the start of the message, or into both.
    """
    words = {(code or "").strip().upper(), (message or "").partition(":")[0].strip().upper()}
    words = {word for word in words if " " not in word}
    if BACKGROUND in words:
        return True
    return command.startswith(_FAMILIES) and any(word.endswith(_BACKGROUND_END) for word in words)


def digest(node_id: str | None, command: str, params_json: str | None, *more: object) -> bytes:
    """What must be equal for two askings under one key to be the same."""
    return hashlib.sha256(msgspec.json.encode((node_id, command, params_json, *more))).digest()


class ForegroundQueue:
    """`Invocations.invoke`, but what a phone cannot do now is kept for it."""

    def __init__(
        self, book: WorkBook, registry: NodeRegistry, invocations: Invocations, clock: Clock
    ) -> None:
        self._book = book
        self._registry = registry
        self._invocations = invocations
        self._clock = clock

    async def invoke(self, actor: str, node_id: str, ask: Ask) -> Answer:
        """Ask a connected node; a repeat under the key of a kept action is that action.

        Raises:
            QueuedUntilForeground: the node's app is in the background; it is on disk now.
            TooMuchWaits: the node has 64 such actions already.
            Conflict: the key was used for another command.
            GatewayError: as `Invocations.invoke`.
        """
        key = ask.idempotency_key
        kept = self._book.foreground_action(actor, key) if key is not None else None
        if kept is not None:
            answer = await self._kept(kept, node_id, ask)
            if answer is not None:
                return answer
        try:
            return await self._invocations.invoke(node_id, ask)
        except (NodeFailed, NodeRefused) as failure:
            live = self._registry.live(node_id)
            waits = in_background(ask.command, failure.node_code, failure.node_message)
            if not waits or live is None or not pulls(live):
                raise
            row = await self._keep(actor, node_id, ask)
            queued = QueuedUntilForeground(row)
            queued.details["nodeError"] = failure.details["nodeError"]
            raise queued from failure

    async def _keep(self, actor: str, node_id: str, ask: Ask) -> WorkRow:
        now_ms = self._clock.now_ms()
        row = WorkRow(
            id=new_id(),
            kind="foreground",
            node_id=node_id,
            actor=actor,
            key=ask.idempotency_key or new_id(),
            asked=_asked(node_id, ask),
            command=ask.command,
            params_json=ask.params_json,
            parked=True,
            created_ms=now_ms,
            expires_ms=now_ms + TTL_MS,
            reason=WAITS,
        )

        def unit(desk: Desk) -> WorkRow:
            known = store.by_key(desk.tx, actor, "foreground", row.key)
            if known is not None and known.ended_ms is None:
                return known
            return desk.add(row)

        return await self._book.change(unit)

    async def _kept(self, work_id: str, node_id: str, ask: Ask) -> Answer | None:
        """The answer of a kept action; None when it is over without one and may be asked for again."""
        row = await self._book.find(work_id)
        if row.asked != _asked(node_id, ask):
            raise Conflict("idempotencyKey: was used for another command", {"field": "idempotencyKey"})
        if row.ended_ms is None:
            raise QueuedUntilForeground(row)
        if row.state == "done" and row.reason is not None and row.payload_json is not None:
            raise Conflict(f"idempotencyKey: this was done; {row.reason}", {"field": "idempotencyKey"})
        if row.state == "done":
            return Answer(msgspec.Raw((row.payload_json or "null").encode()), row.payload_json)
        if row.state == "failed":
            facts = (await self._registry.record(node_id)).facts
            raise node_failure(row.error, row.command, facts)
        return None


def _asked(node_id: str, ask: Ask) -> bytes:
    # Of a program, the run id in the parameters is new each time.
    return digest(node_id, ask.command, None if ask.command == "system.run" else ask.params_json)
