"""What turns with models share, for as long as the gateway runs. Importing this module is what costs."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

from gateway.agents.breaker import Breakers
from gateway.agents.llm.history import past, present
from gateway.agents.llm.mcp import McpHub, McpTool
from gateway.agents.llm.prompt import system_prompt
from gateway.agents.llm.providers import Providers
from gateway.agents.llm.tooling import ToolBench
from gateway.agents.llm.turns import LlmTurn, OnlyOffline, TurnTools
from gateway.agents.model import AgentProfile, Steering, Turn, TurnEvent
from gateway.agents.offline.runtime import OfflineRuntime
from gateway.agents.settings import NO_ENTRY, AgentsSettings
from gateway.agents.tools import ToolRegistry
from gateway.agents.usage import UsageLedger
from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard
from gateway.kernel.supervisor import Supervisor


class LlmEngine:
    """Answers turns of all agents that use models."""

    def __init__(
        self,
        *,
        settings: Callable[[], AgentsSettings],
        tools: ToolRegistry,
        ledger: UsageLedger,
        breakers: Breakers,
        health: HealthBoard,
        tasks: Supervisor,
        clock: Clock,
        managed_skills: Path,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._ledger = ledger
        self._breakers = breakers
        self._tasks = tasks
        self._clock = clock
        self._managed_skills = managed_skills
        self._providers = Providers()
        self._mcp = McpHub(tasks, health, clock)

    async def run(self, profile: AgentProfile, turn: Turn, steering: Steering) -> AsyncGenerator[TurnEvent]:
        """Answer one turn; see `AgentRuntime.run`."""
        settings = self._settings()
        models = list(dict.fromkeys((turn.model or profile.model, *profile.fallbacks)))
        parts = TurnTools(
            settings=settings,
            providers=self._providers,
            ledger=self._ledger,
            breakers=self._breakers,
            clock=self._clock,
        )
        bench = ToolBench(
            profile=profile,
            turn=turn,
            registry=self._tools,
            remote=await self._remote_tools(profile, settings),
            hub=self._mcp,
            tasks=self._tasks,
        )
        message = await present(turn, images=settings.model_entry(models[0]).images)
        message.instructions = await system_prompt(profile, turn, self._managed_skills)
        running = LlmTurn(parts, turn, models, bench, [*past(turn.history), message])
        try:
            async with aclosing(running.events(steering)) as events:
                async for event in events:
                    yield event
        except OnlyOffline as left:
            notice = f"{left.failure.message}. The offline assistant answers instead."
            async for event in OfflineRuntime(profile, self._tools, self._clock, notice).run(turn, steering):
                yield event

    async def close(self) -> None:
        """Close every connection."""
        await self._mcp.close()
        await self._providers.close()

    async def _remote_tools(self, profile: AgentProfile, settings: AgentsSettings) -> dict[str, McpTool]:
        entry = settings.entries.get(profile.id, NO_ENTRY)
        return await self._mcp.tools({name: settings.mcp[name] for name in entry.mcp if name in settings.mcp})
