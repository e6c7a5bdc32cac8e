"""Tools of the memory: keep, find and delete what people asked their agent to remember."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from gateway.memory.model import Memory
from gateway.memory.service import MemoryService
from protocol.scopes import Scope

Limit = Annotated[int, Meta(ge=1, le=50, description="How many at most.")]


class RememberArgs(msgspec.Struct):
    """What to keep."""

    text: Annotated[str, Meta(description="One self-contained sentence.", min_length=1, max_length=4000)]


class RecallArgs(msgspec.Struct):
    """What to look for."""

    query: Annotated[str, Meta(description="A few words; empty: the newest.", max_length=1000)] = ""
    limit: Limit = 8


class ForgetArgs(msgspec.Struct):
    """What to delete."""

    id: Annotated[int, Meta(description="Id of the memory, as recall gave it.", ge=1)]


class MemoryTools:
    """Keeps and finds what people asked their agent to remember."""

    def __init__(self, memory: MemoryService) -> None:
        self._memory = memory

    async def remember(self, context: ToolContext, args: RememberArgs) -> dict[str, object]:
        """Keep a sentence."""
        kept = await self._memory.remember(
            context.agent_id, args.text, session_key=context.session_key, actor=context.actor
        )
        return {"id": kept.memory.id, "text": kept.memory.text, "new": kept.new}

    async def recall(self, context: ToolContext, args: RecallArgs) -> dict[str, object]:
        """Find sentences."""
        if args.query.strip():
            hits = await self._memory.recall(context.agent_id, args.query, args.limit)
            found = [hit.memory for hit in hits]
        else:
            found = await self._memory.recent(context.agent_id, args.limit)
        total = await self._memory.count(context.agent_id)
        return {"memories": [_memory_row(memory) for memory in found], "total": total}

    async def forget(self, context: ToolContext, args: ForgetArgs) -> dict[str, object]:
        """Delete a sentence."""
        gone = await self._memory.forget(context.agent_id, args.id)
        return {"forgotten": _memory_row(gone)}


def add_memory_tools(registry: ToolRegistry, service: MemoryService) -> None:
    """Fill the registry with the tools of this module."""
    memory = MemoryTools(service)
    registry.add(
        Tool(
            name="remember",
            title="Remember",
            description="Keep a fact the person wants remembered, for every later conversation.",
            params=RememberArgs,
            run=memory.remember,
            needs=Scope.WRITE,
            group="memory",
        )
    )
    registry.add(
        Tool(
            name="recall",
            title="Recall",
            description="Search what the person asked to remember. Use it before saying you do not know.",
            params=RecallArgs,
            run=memory.recall,
            needs=Scope.READ,
            group="memory",
        )
    )
    registry.add(
        Tool(
            name="forget",
            title="Forget",
            description="Delete one remembered fact by its id.",
            params=ForgetArgs,
            run=memory.forget,
            needs=Scope.WRITE,
            risk="medium",
            group="memory",
        )
    )


def _memory_row(memory: Memory) -> dict[str, object]:
    return {"id": memory.id, "text": memory.text, "keptMs": memory.updated_ms}
