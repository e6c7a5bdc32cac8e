"""The tools of one turn: what the agent may use, run while their progress is shown."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.tools import ToolDefinition

from gateway.agents.llm.mcp import McpHub, McpTool
from gateway.agents.model import AgentProfile, ToolFinished, ToolStarted, ToolUpdated, Turn, TurnEvent
from gateway.agents.tools import (
    Tool,
    ToolContext,
    ToolRegistry,
    ToolResult,
    listed,
    parameters_schema,
    title_of,
)
from gateway.kernel.supervisor import Supervisor
from protocol.scopes import Scope, allows


class ToolBench:
    """Offers tools to a model and runs what it calls, one at a time."""

    def __init__(
        self,
        *,
        profile: AgentProfile,
        turn: Turn,
        registry: ToolRegistry,
        remote: Mapping[str, McpTool],
        hub: McpHub,
        tasks: Supervisor,
    ) -> None:
        usable = registry.usable(profile.tools_allow, turn.scopes)
        self._profile = profile
        self._turn = turn
        self._registry = registry
        self._own: dict[str, Tool[Any]] = {tool.name: tool for tool in usable}
        # What a server of tools does is not known, so it takes the right to write; strangers have none.
        trusted = allows(turn.scopes, Scope.WRITE)
        self._remote = {
            name: tool
            for name, tool in remote.items()
            if trusted and name not in self._own and listed(name, profile.tools_allow)
        }
        self._hub = hub
        self._tasks = tasks
        self.result = ToolReturnPart(tool_name="", content="", tool_call_id="")
        """What the last call gave, for the model."""

    def definitions(self) -> list[ToolDefinition]:
        """The tools as the model is told."""
        own = [
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=parameters_schema(tool.params),
            )
            for tool in self._own.values()
        ]
        return own + [tool.definition for tool in self._remote.values()]

    async def run(self, call: ToolCallPart) -> AsyncGenerator[TurnEvent]:
        """Run what the model asked for; `result` holds the answer afterwards."""
        args = _args(call)
        tool = self._own.get(call.tool_name)
        title = title_of(tool.title if tool is not None else call.tool_name, args or {})
        yield ToolStarted(call.tool_call_id, call.tool_name, title, args or {})
        progress: asyncio.Queue[str] = asyncio.Queue()
        work = self._tasks.spawn(f"tool {call.tool_name}", self._work(call.tool_name, args, progress))
        try:
            while not work.done():
                partial = await _next_or_done(progress, work, self._tasks)
                if partial is not None:
                    yield ToolUpdated(call.tool_call_id, partial)
            result = await work
        finally:
            work.cancel()
        yield ToolFinished(
            call.tool_call_id, call.tool_name, result.text, result.is_error, result.duration_ms
        )
        self.result = ToolReturnPart(
            tool_name=call.tool_name,
            content=result.text,
            tool_call_id=call.tool_call_id,
            outcome="failed" if result.is_error else "success",
        )

    async def _work(
        self, name: str, args: dict[str, object] | None, progress: asyncio.Queue[str]
    ) -> ToolResult:
        if args is None:
            return ToolResult(f"the arguments for {name} are not a JSON object", is_error=True, duration_ms=0)
        remote = self._remote.get(name)
        if remote is not None:
            return await self._hub.call(remote, args)
        turn = self._turn
        context = ToolContext(
            agent_id=turn.agent_id,
            session_key=turn.session_key,
            run_id=turn.run_id,
            actor=turn.actor,
            scopes=turn.scopes,
            update=progress.put_nowait,
        )
        return await self._registry.call(name, context, args, self._profile.tools_allow)


async def _next_or_done(
    progress: asyncio.Queue[str], work: asyncio.Task[ToolResult], tasks: Supervisor
) -> str | None:
    """The next piece of progress, or None once the work is done and everything was shown."""
    getting = tasks.spawn("tool progress", progress.get())
    try:
        await asyncio.wait({getting, work}, return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()


def _args(call: ToolCallPart) -> dict[str, object] | None:
    """The arguments as an object; None when the model sent something else."""
    if isinstance(call.args, dict):
        return dict(call.args)
    try:
        return msgspec.json.decode(call.args or "{}", type=dict[str, object])
    except msgspec.MsgspecError:
        return None
