"""The memory over RPC. It stands here and not in `memory` because agents are named here."""

from gateway.agents.service import Agents
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.memory.model import Memory, Recollection
from gateway.memory.service import MemoryService
from protocol.methods.memory import (
    MemoryForget,
    MemoryForgetResult,
    MemoryHit,
    MemoryItem,
    MemoryList,
    MemoryListResult,
    MemoryRemember,
    MemoryRememberResult,
    MemorySearch,
    MemorySearchResult,
)

MAX_HITS = 50
"""Source: OpenClaw 2026.9.6 answers at most 50."""


class MemoryApi:
    """`memory.*`."""

    def __init__(self, agents: Agents, memory: MemoryService) -> None:
        self._agents = agents
        self._memory = memory

    @handles(MemorySearch)
    async def search(self, _ctx: Ctx, call: MemorySearch) -> MemorySearchResult:
        """Find memories."""
        profile = self._agents.named_or_default(call.agent_id)
        hits = await self._memory.recall(profile.id, call.query, min(call.max_results, MAX_HITS))
        least = call.min_score if call.min_score is not None else 0.0
        return MemorySearchResult(
            agent_id=profile.id,
            provider="none",
            search_mode="fts-only",
            results=[_hit(hit) for hit in hits if hit.score >= least],
        )

    @handles(MemoryRemember)
    async def remember(self, ctx: Ctx, call: MemoryRemember) -> MemoryRememberResult:
        """Keep a sentence."""
        profile = self._agents.named_or_default(call.agent_id)
        kept = await self._memory.remember(profile.id, call.text, actor=ctx.principal.actor)
        return MemoryRememberResult(agent_id=profile.id, memory=_item(kept.memory), new=kept.new)

    @handles(MemoryList)
    async def list(self, _ctx: Ctx, call: MemoryList) -> MemoryListResult:
        """The newest memories."""
        profile = self._agents.named_or_default(call.agent_id)
        memories = await self._memory.recent(profile.id, call.limit)
        total = await self._memory.count(profile.id)
        return MemoryListResult(
            agent_id=profile.id, memories=[_item(memory) for memory in memories], total=total
        )

    @handles(MemoryForget)
    async def forget(self, _ctx: Ctx, call: MemoryForget) -> MemoryForgetResult:
        """Delete a memory."""
        profile = self._agents.named_or_default(call.agent_id)
        return MemoryForgetResult(
            agent_id=profile.id, memory=_item(await self._memory.forget(profile.id, call.id))
        )


def _item(memory: Memory) -> MemoryItem:
    return MemoryItem(
        id=memory.id,
        text=memory.text,
        session_key=memory.session_key or None,
        created_at_ms=memory.created_ms,
        updated_at_ms=memory.updated_ms,
    )


def _hit(hit: Recollection) -> MemoryHit:
    return MemoryHit(
        path=f"memory/{hit.memory.id}",
        start_line=1,
        end_line=hit.memory.text.count("\n") + 1,
        score=round(hit.score, 6),
        snippet=hit.memory.text,
        source="memory",
        id=hit.memory.id,
        updated_at_ms=hit.memory.updated_ms,
    )
