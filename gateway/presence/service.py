"""Presence as a service: follows connections, tells operators, and answers for the connect snapshot."""

from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened
from gateway.kernel.net.hub import Hub
from gateway.kernel.supervisor import Supervisor
from gateway.presence.roster import Roster
from protocol.events.presence import PresenceEvent
from protocol.nouns.presence import PresenceRow

ANNOUNCE_AFTER_S: Final = 0.1
"""Changes within this time are one event: a gateway that restarts sees all its devices come back at once."""

BUSY_ROWS: Final = 50
"""From this many rows on, a list is tens of kilobytes."""

BUSY_ANNOUNCE_AFTER_S: Final = 2.0
"""Then it is sent less often, for it goes to every operator."""

FRESH_MS: Final = 1000
"""An encoded list is handed out again for this long, so that a rush of connects is cheap."""


class Presence:
    """Keeps the roster and announces its changes."""

    def __init__(self, roster: Roster, hub: Hub, clock: Clock, tasks: Supervisor) -> None:
        self._roster = roster
        self._hub = hub
        self._clock = clock
        self._tasks = tasks
        self._encoded: msgspec.Raw | None = None
        self._encoded_ms = 0
        self._announcing = False

    def on_opened(self, fact: ConnectionOpened) -> None:
        """Somebody connected."""
        if self._roster.enter(fact.principal, self._clock.now_ms()):
            self._changed()

    def on_closed(self, fact: ConnectionClosed) -> None:
        """Somebody left."""
        if self._roster.leave(fact.principal, self._clock.now_ms()):
            self._changed()

    def report(self, row: PresenceRow) -> None:
        """A program reported itself."""
        self._roster.report(row)
        self._changed()

    def rows(self) -> list[PresenceRow]:
        """The list as it is now."""
        return self._roster.rows(self._clock.now_ms())

    def snapshot(self) -> msgspec.Raw:
        """The encoded list, at most a second old, for `hello-ok` and the event."""
        now_ms = self._clock.now_ms()
        if self._encoded is None or not 0 <= now_ms - self._encoded_ms < FRESH_MS:
            self._encoded = msgspec.Raw(msgspec.json.encode(self._roster.rows(now_ms)))
            self._encoded_ms = now_ms
        return self._encoded

    def _changed(self) -> None:
        self._encoded = None
        self._hub.bump_presence()
        if not self._announcing:
            self._announcing = True
            self._tasks.spawn("announce presence", self._announce())

    async def _announce(self) -> None:
        busy = len(self.rows()) > BUSY_ROWS
        await self._clock.sleep(BUSY_ANNOUNCE_AFTER_S if busy else ANNOUNCE_AFTER_S)
        self._announcing = False
        self._hub.publish(PresenceEvent(presence=self.snapshot()), state_version=True)
