"""The presence methods."""

from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.presence.service import Presence
from gateway.presence.wakes import Wakes
from protocol.method import Done
from protocol.methods.presence import (
    HeartbeatsSet,
    LastHeartbeat,
    SetHeartbeats,
    SystemEvent,
    SystemPresence,
    Wake,
)
from protocol.nouns.presence import HeartbeatReport, PresenceRow

BEACON_PREFIX = "Node:"
"""Texts of programs that only say they are there; any other text is also a note for the agent. Observed."""


class PresenceApi:
    """`system-presence`, `system-event`, `wake` and the heartbeat switches."""

    def __init__(self, presence: Presence, wakes: Wakes, clock: Clock) -> None:
        self._presence = presence
        self._wakes = wakes
        self._clock = clock

    @handles(SystemPresence)
    def system_presence(self, _ctx: Ctx, _call: SystemPresence) -> list[PresenceRow]:
        """Who is there."""
        return self._presence.rows()

    @handles(SystemEvent)
    async def system_event(self, ctx: Ctx, call: SystemEvent) -> Done:
        """A program reports itself, or something that happened."""
        if not call.text.startswith(BEACON_PREFIX):
            await self._wakes.leave(call.text, "next-heartbeat", ctx.principal.actor)
        self._presence.report(_row(call, self._clock.now_ms()))
        return Done(ok=True)

    @handles(Wake)
    async def wake(self, ctx: Ctx, call: Wake) -> Done:
        """Leave a note."""
        stored = await self._wakes.leave(
            call.text,
            call.mode,
            ctx.principal.actor,
            session_key=call.session_key,
            agent_id=call.agent_id,
        )
        return Done(ok=stored)

    @handles(LastHeartbeat)
    def last_heartbeat(self, _ctx: Ctx, _call: LastHeartbeat) -> HeartbeatReport | None:
        """The newest heartbeat."""
        return self._wakes.last

    @handles(SetHeartbeats)
    async def set_heartbeats(self, _ctx: Ctx, call: SetHeartbeats) -> HeartbeatsSet:
        """Switch heartbeats."""
        await self._wakes.switch(enabled=call.enabled)
        return HeartbeatsSet(ok=True, enabled=call.enabled)


def _row(call: SystemEvent, now_ms: int) -> PresenceRow:
    return PresenceRow(
        ts=now_ms,
        host=call.host,
        ip=call.ip,
        version=call.version,
        platform=call.platform,
        device_family=call.device_family,
        model_identifier=call.model_identifier,
        time_zone=call.time_zone,
        mode=call.mode,
        reason=call.reason,
        text=call.text,
        device_id=call.device_id,
        instance_id=call.instance_id,
        roles=list(call.roles) if call.roles is not None else None,
        scopes=list(call.scopes) if call.scopes is not None else None,
        tags=list(call.tags) if call.tags is not None else None,
        last_input_seconds=call.last_input_seconds,
    )
