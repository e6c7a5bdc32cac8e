"""What agents remember for people."""

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database
from gateway.memory import store
from gateway.memory.model import Memory, Recollection, checked_text
from protocol.errors import NotFound


class Kept(msgspec.Struct, frozen=True):
    """The outcome of remembering."""

    memory: Memory
    new: bool
    """False when the same words were kept before; they got a new date."""


class MemoryService:
    """Keeps, finds and forgets sentences, per agent. Everything is on disk when a call returns."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def remember(self, agent_id: str, text: str, *, session_key: str = "", actor: str = "") -> Kept:
        """Keep `text` for an agent.

        Raises:
            InvalidRequest: when there is nothing to keep in it, or too much.
            MemoryFull: when the agent keeps as many as it may.
            StoreUnavailable: when the disk failed.
        """
        text = checked_text(text)
        now_ms = self._clock.now_ms()
        heard = Memory(0, agent_id, text, session_key, actor, now_ms, now_ms)
        memory, new = await self._database.write(lambda tx: store.remember(tx, heard))
        return Kept(memory, new)

    async def recall(self, agent_id: str, query: str, limit: int = 8) -> list[Recollection]:
        """What fits `query`, best first, at most `limit`; empty when nothing does."""
        return await self._database.read(lambda tx: store.search(tx, agent_id, query, limit))

    async def recent(self, agent_id: str, limit: int = 20) -> list[Memory]:
        """What was remembered last, newest first."""
        return await self._database.read(lambda tx: store.recent(tx, agent_id, limit))

    async def count(self, agent_id: str) -> int:
        """How many memories an agent keeps."""
        return await self._database.read(lambda tx: store.count(tx, agent_id))

    async def forget(self, agent_id: str, memory_id: int) -> Memory:
        """Delete one memory and return what it was.

        Raises:
            NotFound: when the agent keeps no such memory.
        """
        gone = await self._database.write(lambda tx: store.forget(tx, agent_id, memory_id))
        if gone is None:
            raise NotFound(f"memory {memory_id} not found", {"id": memory_id})
        return gone

    async def forget_agent(self, agent_id: str) -> int:
        """Delete everything of an agent that was removed; returns how many memories that were."""
        return await self._database.write(lambda tx: store.forget_agent(tx, agent_id))
