"""The events a node sends about itself: load of its machine, its person's activity, that it is alive."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.store.db import Tx
from gateway.nodes.events import NodeEvents, taken
from gateway.nodes.model import LiveNode, NodeRecord
from gateway.nodes.registry import NodeRegistry
from protocol.events.nodes import NodeHostStats, NodePresence
from protocol.method import Wire
from protocol.methods.node_reports import NodeEventTaken
from protocol.nouns.node import HostStats

ALIVE_EVERY_MS: Final = 60_000
"""A sign of life is stored this often at most. Source: OpenClaw docs/nodes/presence.md."""

STATS_KEPT_EVERY_MS: Final = 10 * 60_000
"""Load figures are stored this often while a node is connected, and when it leaves."""


class AlivePayload(Wire):
    """`node.presence.alive`."""

    trigger: Literal[
        "background", "silent_push", "bg_app_refresh", "significant_location", "manual", "connect"
    ]
    sent_at_ms: Annotated[int, Meta(ge=0)] | None = None


class ActivityPayload(Wire):
    """`node.presence.activity`: how long ago its person was active, or that this is not known any more."""

    idle_seconds: Annotated[int, Meta(ge=0, le=2_592_000)] | None = None
    saturated: bool | None = None
    source: Literal["app", "system"] | None = None
    action: Literal["clear"] | None = None


class NodeSignals:
    """Acts on what nodes say about themselves."""

    def __init__(self, registry: NodeRegistry, hub: Hub, clock: Clock) -> None:
        self._registry = registry
        self._hub = hub
        self._clock = clock

    def register(self, events: NodeEvents) -> None:
        """Take these events."""
        events.on("node.host.stats", HostStats, self._stats, before_approval=True)
        events.on("node.presence.alive", AlivePayload, self._alive, before_approval=True)
        events.on("node.presence.activity", ActivityPayload, self._activity, before_approval=True)

    async def _stats(self, _: Ctx, live: LiveNode, stats: HostStats) -> NodeEventTaken:
        now_ms = self._clock.now_ms()
        stats = msgspec.structs.replace(stats, updated_at_ms=now_ms)
        live.host_stats = stats

        def kept(_tx: Tx, record: NodeRecord) -> NodeRecord:
            return msgspec.structs.replace(record, host_stats=stats)

        if now_ms - live.stats_kept_ms >= STATS_KEPT_EVERY_MS:
            live.stats_kept_ms = now_ms
            await self._registry.change(live.node_id, kept)
        self._hub.publish(NodeHostStats(node_id=live.node_id, host_stats=stats))
        return taken("node.host.stats", reason="updated")

    async def _alive(self, _: Ctx, live: LiveNode, call: AlivePayload) -> NodeEventTaken:
        now_ms = self._clock.now_ms()
        if now_ms - live.alive_ms < ALIVE_EVERY_MS:
            return taken("node.presence.alive", reason="throttled")
        live.alive_ms = now_ms

        def seen(_tx: Tx, record: NodeRecord) -> NodeRecord:
            return msgspec.structs.replace(record, seen_ms=now_ms, seen_reason=call.trigger)

        await self._registry.change(live.node_id, seen)
        return taken("node.presence.alive", reason="persisted")

    async def _activity(self, _: Ctx, live: LiveNode, call: ActivityPayload) -> NodeEventTaken:
        now_ms = self._clock.now_ms()
        if call.action == "clear":
            if live.active_ms is None:
                return taken("node.presence.activity", reason="already_clear")
            live.active_ms = live.presence_ms = None
            reason = "cleared"
        elif call.source == "app" or ("accessibility", True) in live.effective.permissions:
            live.active_ms, live.presence_ms = now_ms - 1000 * (call.idle_seconds or 0), now_ms
            reason = "updated"
        else:
            # Beyond its own app a node watches its person only with a permission that was approved.
            return taken("node.presence.activity", handled=False, reason="permission_required")
        self._hub.publish(
            NodePresence(
                node_id=live.node_id,
                last_active_at_ms=live.active_ms,
                presence_updated_at_ms=live.presence_ms,
            )
        )
        return taken("node.presence.activity", reason=reason)
