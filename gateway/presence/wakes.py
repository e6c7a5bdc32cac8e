"""Notes for agents, and whether agents wake up by themselves."""

from typing import Final

import msgspec

from gateway.kernel.bus import Bus
from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database, Tx
from gateway.presence import store
from gateway.presence.model import HeartbeatsSwitched, NoteLeft, WakeMode, WakeNote
from protocol.errors import Overloaded
from protocol.events.presence import HeartbeatEvent
from protocol.ids import checked_id, checked_session_key, new_id
from protocol.nouns.presence import HeartbeatReport

MAX_WAITING: Final = 500
"""Notes that may wait; an agent that reads none for so long will not catch up by reading more."""


class Wakes:
    """Stores notes before they are acknowledged, and hands them to whoever runs agents.

    A consumer subscribes to `NoteLeft`, reads `waiting` after a start, and takes each note with
    `gateway.presence.store.take_note` inside the unit of `state.db` that acts on it: so no note is lost or
    acted on twice.
    """

    def __init__(self, db: Database, bus: Bus, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._bus = bus
        self._hub = hub
        self._clock = clock
        self._enabled = True
        self._last: HeartbeatReport | None = None

    async def load(self) -> None:
        """Read the stored state."""
        self._enabled, self._last = await self._db.read(store.heartbeat_state)

    @property
    def enabled(self) -> bool:
        """Whether agents wake up by themselves."""
        return self._enabled

    @property
    def last(self) -> HeartbeatReport | None:
        """How the newest heartbeat turn went."""
        return self._last

    async def leave(
        self,
        text: str,
        mode: WakeMode,
        left_by: str,
        *,
        session_key: str | None = None,
        agent_id: str | None = None,
    ) -> bool:
        """Store a note; false for a blank one.

        Raises:
            InvalidRequest: when the session key or agent id is unusable.
            Overloaded: when too many wait already.
        """
        text = text.strip()
        if not text:
            return False
        note = WakeNote(
            note_id=new_id(),
            text=text,
            mode=mode,
            session_key=checked_session_key(session_key) if session_key is not None else None,
            agent_id=checked_id(agent_id, "agentId") if agent_id is not None else None,
            left_by=left_by,
            left_ms=self._clock.now_ms(),
        )

        def unit(tx: Tx) -> None:
            if store.count_notes(tx) >= MAX_WAITING:
                raise Overloaded(f"{MAX_WAITING} notes wait for an agent already; try again later")
            store.leave_note(tx, note)

        await self._db.write(unit)
        self._bus.publish(NoteLeft(note))
        return True

    async def waiting(self, limit: int = MAX_WAITING) -> list[WakeNote]:
        """Notes nobody took yet, oldest first."""
        return await self._db.read(lambda tx: store.waiting_notes(tx, limit))

    async def switch(self, *, enabled: bool) -> None:
        """Let agents wake up by themselves, or not."""
        await self._db.write(lambda tx: store.set_heartbeats(tx, enabled=enabled))
        self._enabled = enabled
        self._bus.publish(HeartbeatsSwitched(enabled))

    async def record(self, report: HeartbeatReport) -> None:
        """Store how a heartbeat turn went and tell operators; for whoever runs heartbeats."""
        await self._db.write(lambda tx: store.save_report(tx, report))
        self._last = report
        self._hub.publish(msgspec.convert(msgspec.to_builtins(report), HeartbeatEvent))
