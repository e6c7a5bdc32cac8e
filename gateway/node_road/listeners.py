"""Nodes that show a conversation: they hear its answers, and of no other one."""

from typing import Final

from gateway.kernel.net.hub import Hub, node_topic
from gateway.kernel.rpc.context import Ctx
from gateway.node_road.payloads import Conversation
from gateway.nodes.events import NodeEvents, taken
from gateway.nodes.model import LiveNode
from gateway.sessions.keys import canonical_key
from protocol.errors import Overloaded
from protocol.events.chat import ChatEvent
from protocol.methods.node_reports import NodeEventTaken

MAX_CONVERSATIONS: Final = 64
"""What one node may follow at the same time; a screen shows one."""


class Listeners:
    """`chat.subscribe` and `chat.unsubscribe`; a subscription ends with its connection."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def register(self, events: NodeEvents) -> None:
        """Take these events."""
        events.on("chat.subscribe", Conversation, self._subscribe)
        events.on("chat.unsubscribe", Conversation, self._unsubscribe)

    async def _subscribe(self, ctx: Ctx, _: LiveNode, call: Conversation) -> NodeEventTaken:
        topics, topic = self._hub.topics(ctx.conn_id), _topic(call)
        if topic not in topics and len(topics) >= MAX_CONVERSATIONS:
            raise Overloaded(f"a node follows {MAX_CONVERSATIONS} conversations at most; leave one first")
        self._hub.subscribe(ctx.conn_id, topic)
        return taken("chat.subscribe", reason="subscribed")

    async def _unsubscribe(self, ctx: Ctx, _: LiveNode, call: Conversation) -> NodeEventTaken:
        self._hub.unsubscribe(ctx.conn_id, _topic(call))
        return taken("chat.unsubscribe", reason="unsubscribed")


def _topic(call: Conversation) -> str:
    # `agent` events are found by the same field, so one topic holds both.
    field = ChatEvent.nodes_by
    assert field is not None  # noqa: S101 - declared with the event
    return node_topic(field, canonical_key(call.session_key))
