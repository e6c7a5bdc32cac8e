"""Events that nodes send, and who acts on each.

Features of higher tiers add theirs: `house.need(NodeEvents).on("voice.transcript", Transcript, handler)`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from gateway.kernel.rpc.context import Ctx
from gateway.nodes.model import LiveNode
from protocol.methods.node_reports import NodeEvent, NodeEventTaken
from protocol.violation import violation

P = TypeVar("P")

Handler = Callable[[Ctx, LiveNode, P], Awaitable[NodeEventTaken]]
"""What an event leads to. It returns when that is durable, for whoever sent it forgets it then."""

UNSUPPORTED: Final = "unsupported_event"

UNAPPROVED: Final = "approval_required"
"""Homarus only: OpenClaw hears nothing at all from a node before somebody approved its surface."""


class _Entry(NamedTuple):
    payload: type[Any]
    handler: Handler[Any]
    before_approval: bool


class NodeEvents:
    """The events this gateway knows."""

    def __init__(self) -> None:
        self._handlers: dict[str, _Entry] = {}

    def on(self, name: str, payload: type[P], handler: Handler[P], *, before_approval: bool = False) -> None:
        """Let `handler` act on events called `name`; with `before_approval`, of any paired node.

        Raises:
            TypeError: when another one does.
        """
        if name in self._handlers:
            raise TypeError(f"two handlers for node event {name}")
        self._handlers[name] = _Entry(payload, handler, before_approval)

    async def take(self, ctx: Ctx, live: LiveNode, call: NodeEvent) -> NodeEventTaken:
        """Act on one event.

        Raises:
            InvalidRequest: its payload is not what this event carries, naming the field.
        """
        entry = self._handlers.get(call.event)
        if entry is None:
            return taken(call.event, handled=False, reason=UNSUPPORTED)
        if not (live.approved or entry.before_approval):
            return taken(call.event, handled=False, reason=UNAPPROVED)
        return await entry.handler(ctx, live, _payload(call, entry.payload))


def taken(event: str, *, handled: bool = True, reason: str | None = None) -> NodeEventTaken:
    """What a node is told about its event."""
    return NodeEventTaken(ok=True, event=event, handled=handled, reason=reason)


def _payload(call: NodeEvent, kind: type[P]) -> P:
    raw: bytes | msgspec.Raw = b"{}"
    if call.payload_json is not None:
        raw = call.payload_json.encode(errors="surrogatepass")
    elif call.payload is not msgspec.UNSET:
        raw = call.payload
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise violation(f"{call.event} payload", error) from error
