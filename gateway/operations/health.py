"""The `health` snapshot: composed at most once a second, told to everyone when a part changes."""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard, PartHealth
from gateway.kernel.net.hub import Hub
from gateway.operations.facts import AgentFact, AgentSessions, Facts, SessionFacts
from gateway.operations.loop import EventLoopMonitor
from protocol.events.health import HealthChanged
from protocol.nouns.health import (
    AgentHealth,
    ConfigReload,
    PartFailure,
    PartsHealth,
    PartState,
    RecentSession,
    SessionsHealth,
)

MAX_AGE_S: Final = 1.0
"""Clients poll every few seconds at most; within a second they all get the same bytes."""

BROADCAST_S: Final = 60.0
"""Without any change. Observed from OpenClaw 2026.9.6."""

RECENT: Final = 5
"""Sessions listed per agent. Observed from OpenClaw 2026.9.6."""


class HealthFeed:
    """Composes, caches and broadcasts the snapshot."""

    def __init__(
        self,
        *,
        facts: Facts,
        board: HealthBoard,
        hub: Hub,
        clock: Clock,
        loop: EventLoopMonitor,
        store_path: str,
        writes: Callable[[], int],
    ) -> None:
        """`writes` counts units of work written to the database of sessions."""
        self._facts = facts
        self._board = board
        self._hub = hub
        self._clock = clock
        self._loop = loop
        self._store_path = store_path
        self._writes = writes
        self._seen_writes = -1
        self._sessions = SessionFacts()
        self._cached = b""
        self._cached_at_s = float("-inf")
        self._changed = False
        self._published_at_s = clock.monotonic_s()
        board.on_change(self._part_changed)

    def current(self, *, fresh: bool = False) -> msgspec.Raw:
        """The snapshot as JSON."""
        now_s = self._clock.monotonic_s()
        if fresh or now_s - self._cached_at_s >= MAX_AGE_S:
            self._cached = msgspec.json.encode(self.compose())
            self._cached_at_s = now_s
        return msgspec.Raw(self._cached)

    def compose(self) -> HealthChanged:
        """The snapshot of this moment."""
        started_s = self._clock.monotonic_s()
        now_ms = self._clock.now_ms()
        agents = self._facts.agents()
        default_agent = self._facts.default_agent()
        channels = self._facts.channels()
        heartbeats = [agent.heartbeat.every_ms for agent in agents if agent.heartbeat.every_ms]
        return HealthChanged(
            ok=True,
            ts=now_ms,
            duration_ms=round((self._clock.monotonic_s() - started_s) * 1000),
            plugins=self._parts_health(),
            config_reload=ConfigReload(hot_reload_status="active"),
            channels=dict(channels.channels),
            channel_order=list(channels.order),
            channel_labels=dict(channels.labels),
            heartbeat_seconds=min(heartbeats) // 1000 if heartbeats else 0,
            default_agent_id=default_agent,
            agents=[self._agent(agent, now_ms) for agent in agents],
            sessions=self._agent_sessions(default_agent, now_ms),
            event_loop=self._loop.brief,
        )

    def parts(self) -> dict[str, PartState]:
        """Every part that reported."""
        return {name: part_state(part) for name, part in self._board.parts().items()}

    def _parts_health(self) -> PartsHealth:
        parts = self._board.parts()
        return PartsHealth(
            loaded=[name for name, part in parts.items() if part.ok],
            errors=[
                PartFailure(id=name, origin="homarus", activated=True, error=part.detail)
                for name, part in parts.items()
                if not part.ok
            ],
            unavailable=[],
        )

    async def tick(self) -> None:
        """Once a second: follow what changed, and broadcast when it is time."""
        now_s = self._clock.monotonic_s()
        if self._writes() != self._seen_writes:
            await self.refresh_sessions()
        if self._changed or now_s - self._published_at_s >= BROADCAST_S:
            self._publish()

    async def refresh_sessions(self) -> None:
        """Ask for the overview of sessions again."""
        self._seen_writes = self._writes()
        self._sessions = await self._facts.sessions()
        self._cached_at_s = float("-inf")

    def _publish(self) -> None:
        self._changed = False
        self._published_at_s = self._clock.monotonic_s()
        self._cached_at_s = float("-inf")
        self._hub.bump_health()
        self._hub.publish(self.compose(), state_version=True)

    def _part_changed(self, _name: str, _part: PartHealth) -> None:
        self._changed = True
        self._cached_at_s = float("-inf")

    def _agent(self, agent: AgentFact, now_ms: int) -> AgentHealth:
        return AgentHealth(
            agent_id=agent.agent_id,
            is_default=agent.is_default,
            name=agent.name,
            heartbeat=agent.heartbeat,
            sessions=self._agent_sessions(agent.agent_id, now_ms),
        )

    def _agent_sessions(self, agent_id: str, now_ms: int) -> SessionsHealth:
        sessions = self._sessions.by_agent.get(agent_id, AgentSessions())
        recent = [
            RecentSession(key=row.key, updated_at=row.updated_at, age=max(now_ms - row.updated_at, 0))
            for row in sessions.recent[:RECENT]
        ]
        return SessionsHealth(path=self._store_path, count=sessions.count, recent=recent)


def part_state(part: PartHealth) -> PartState:
    """A part as it travels."""
    return PartState(ok=part.ok, since_ms=part.since_ms, detail=part.detail or None)
