"""What agents have drawn, by session: checked, kept, shown, and shown again."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from gateway.canvas import store
from gateway.canvas.screens import Screens
from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database
from protocol.a2ui.lines import Line
from protocol.a2ui.surfaces import Message, Surface, Surfaces
from protocol.events.canvas import CanvasChanged

MAX_SESSIONS_IN_MEMORY: Final = 64
"""Sessions whose surfaces are at hand; those of others are read when somebody draws or looks."""

MAX_KEPT: Final = 2000
"""Surfaces of all sessions together; the ones drawn longest ago give way."""

LARGE_CHARS: Final = 32 * 1024
"""From here on a push is checked beside the loop, which others need meanwhile."""


class Canvas:
    """The surfaces of every session."""

    def __init__(self, db: Database, screens: Screens, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._screens = screens
        self._hub = hub
        self._clock = clock
        self._known: OrderedDict[str, Surfaces] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def surfaces(self, session_key: str) -> Surfaces:
        """What a session has drawn."""
        known = self._known.get(session_key)
        if known is None:
            known = Surfaces(await self._db.read(lambda tx: store.surfaces(tx, session_key)))
            self._keep(session_key, known)
        return known

    async def draw(
        self, session_key: str, size: int, read: Callable[[], Sequence[Line]], node: str | None = None
    ) -> tuple[Surfaces, str | None]:
        """Check messages, keep what they draw, and show it.

        Args:
            session_key: Whose surfaces.
            size: Of the push in characters.
            read: Gives its messages.
            node: Id or name of the node to show it on; the one that shows the session otherwise.

        Returns:
            What is drawn then, and the name of the node that shows it; None when none is connected.

        Raises:
            InvalidA2ui: naming the lines that are wrong; nothing of the push is drawn.
            InvalidRequest: there is no such node.
        """
        async with self._locks.setdefault(session_key, asyncio.Lock()):
            before = await self.surfaces(session_key)

            def check() -> tuple[Sequence[Line], Surfaces]:
                lines = read()
                return lines, before.after(lines)

            lines, after = await asyncio.to_thread(check) if size > LARGE_CHARS else check()
            await self._store(session_key, before, after)
            messages = [line.message for line in lines]
            self._hub.publish(CanvasChanged(session_key=session_key, messages=messages, surfaces=after.ids))
            shown_on = await self._screens.show(session_key, messages, after, node)
        return after, shown_on

    async def reset(self, session_key: str, node: str | None = None) -> str | None:
        """Forget the surfaces of a session, wherever they are shown; returns a node that showed them."""
        async with self._locks.setdefault(session_key, asyncio.Lock()):
            before = await self.surfaces(session_key)
            await self._store(session_key, before, Surfaces())
            self._hub.publish(CanvasChanged(session_key=session_key, messages=[], surfaces=[]))
            return await self._screens.clear(session_key, node)

    async def messages(self, session_key: str) -> list[Message]:
        """What draws the surfaces of a session from nothing."""
        return (await self.surfaces(session_key)).messages()

    async def _store(self, session_key: str, before: Surfaces, after: Surfaces) -> None:
        now_ms = self._clock.now_ms()
        old = {surface.id: surface for surface in before}
        drawn: list[tuple[int, Surface]] = [
            (position, surface)
            for position, surface in enumerate(after)
            if old.get(surface.id) is not surface
        ]
        gone = [surface_id for surface_id in old if after.find(surface_id) is None]
        await self._db.write(
            lambda tx: (store.save(tx, session_key, drawn, gone, now_ms), store.trim(tx, MAX_KEPT))
        )
        self._keep(session_key, after)

    def _keep(self, session_key: str, surfaces: Surfaces) -> None:
        self._known[session_key] = surfaces
        self._known.move_to_end(session_key)
        while len(self._known) > MAX_SESSIONS_IN_MEMORY:
            forgotten, _ = self._known.popitem(last=False)
            lock = self._locks.get(forgotten)
            if lock is not None and not lock.locked():
                del self._locks[forgotten]
