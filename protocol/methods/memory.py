"""What agents remember: OpenClaw's search, and our own ways to add, list and forget.

Source: `memory.search` as answered by OpenClaw 2026.9.6; it has no published schema.
"""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Scope

AgentName = Annotated[str, Meta(min_length=1, max_length=128)]


class MemoryHit(Wire):
    """A memory that fits the query."""

    path: str
    """`memory/<id>`; the id is what `memory.forget` takes."""
    start_line: int
    end_line: int
    score: float
    """0 to 1, higher is better."""
    snippet: str
    source: str
    id: int
    updated_at_ms: int


class MemorySearchResult(Wire):
    """Hits, best first."""

    agent_id: str
    provider: str
    """`none`: the search needs no embedding provider."""
    search_mode: str
    results: list[MemoryHit]


class MemoryItem(Wire):
    """One thing an agent keeps."""

    id: int
    text: str
    session_key: str | None = None
    """The conversation it came from."""
    created_at_ms: int
    updated_at_ms: int


class MemoryListResult(Wire):
    """The newest memories and how many there are in all."""

    agent_id: str
    memories: list[MemoryItem]
    total: int


class MemoryRememberResult(Wire):
    """The memory as kept; `new` is false when the same words were kept before."""

    agent_id: str
    memory: MemoryItem
    new: bool


class MemoryForgetResult(Wire):
    """What was deleted."""

    agent_id: str
    memory: MemoryItem


@method("memory.search", Scope.READ)
class MemorySearch(Call[MemorySearchResult]):
    """Find what an agent remembers about something.

    Errors: ``NOT_FOUND`` for an unknown agent.
    """

    query: Annotated[str, Meta(min_length=1, max_length=4000)]
    agent_id: AgentName | None = None
    max_results: Annotated[int, Meta(ge=1)] = 20
    """Values above 50 count as 50."""
    min_score: float | None = None


@method("memory.remember", Scope.WRITE, additive=True)
class MemoryRemember(Call[MemoryRememberResult], forbid_unknown_fields=True):
    """Keep a sentence for an agent.

    Errors: ``NOT_FOUND`` for an unknown agent, ``MEMORY_FULL``.
    """

    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    agent_id: AgentName | None = None


@method("memory.list", Scope.READ, additive=True)
class MemoryList(Call[MemoryListResult], forbid_unknown_fields=True):
    """The memories of an agent, the ones spoken of last first."""

    agent_id: AgentName | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


@method("memory.forget", Scope.WRITE, additive=True)
class MemoryForget(Call[MemoryForgetResult], forbid_unknown_fields=True):
    """Delete one memory.

    Errors: ``NOT_FOUND`` when the agent keeps no such memory.
    """

    id: Annotated[int, Meta(ge=1)]
    agent_id: AgentName | None = None
