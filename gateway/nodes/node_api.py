"""What nodes call."""

from typing import Final

import msgspec

from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.nodes.events import NodeEvents
from gateway.nodes.invoke import Invocations
from gateway.nodes.model import LiveNode
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.work_reports import WorkReports
from protocol.errors import InvalidRequest, Unavailable
from protocol.events.nodes import NodeRunnerInventoryChanged
from protocol.methods.node_reports import (
    NodeEvent,
    NodeEventTaken,
    NodeInvokeProgress,
    NodeInvokeResult,
    NodeNamed,
    NodePluginToolsUpdate,
    NodeReportTaken,
    NodeRunnerInventoryUpdate,
    NodeSkillsKept,
    NodeSkillsUpdate,
    NodeToolsKept,
)
from protocol.nouns.node import NodePluginTool

MAX_SKILL_BYTES: Final = 512 * 1024
"""All skills of a node together. Source: OpenClaw docs/nodes/mcp-and-skills.md."""

_TAKEN: Final = NodeReportTaken(ok=True)
_IGNORED: Final = NodeReportTaken(ok=True, ignored=True)


class NodeSideApi:
    """Results, progress, events, and what a node lends."""

    def __init__(
        self,
        registry: NodeRegistry,
        invocations: Invocations,
        work: WorkReports,
        events: NodeEvents,
        hub: Hub,
    ) -> None:
        self._registry = registry
        self._invocations = invocations
        self._work = work
        self._events = events
        self._hub = hub

    @handles(NodeInvokeResult)
    async def result(self, ctx: Ctx, call: NodeInvokeResult) -> NodeReportTaken:
        """See `NodeInvokeResult`. What nobody waits for is work, or nothing."""
        node_id = ctx.principal.device_id or ""
        if self._invocations.result(ctx.conn_id, node_id, call):
            return _TAKEN
        live = self._registry.live(node_id)
        if live is None or live.conn_id != ctx.conn_id:
            return _IGNORED  # its approval was withdrawn, or it has connected anew
        return _TAKEN if await self._work.result(live, call) else _IGNORED

    @handles(NodeInvokeProgress)
    def progress(self, ctx: Ctx, call: NodeInvokeProgress) -> NodeReportTaken:
        """See `NodeInvokeProgress`."""
        node_id = ctx.principal.device_id or ""
        return _TAKEN if self._invocations.progress(ctx.conn_id, node_id, call) else _IGNORED

    @handles(NodeEvent)
    async def event(self, ctx: Ctx, call: NodeEvent) -> NodeEventTaken:
        """See `NodeEvent`."""
        return await self._events.take(ctx, await self._registry.of(ctx.principal), call)

    @handles(NodePluginToolsUpdate)
    async def tools(self, ctx: Ctx, call: NodePluginToolsUpdate) -> NodeToolsKept:
        """See `NodePluginToolsUpdate`."""
        live = await self._registry.of(ctx.principal)
        live.tools = tuple(tool for tool in call.tools if _usable(tool, live))
        return NodeToolsKept(node_id=live.node_id, tools=list(live.tools))

    @handles(NodeSkillsUpdate)
    async def skills(self, ctx: Ctx, call: NodeSkillsUpdate) -> NodeSkillsKept:
        """See `NodeSkillsUpdate`."""
        live = await self._registry.of(ctx.principal)
        if len(msgspec.json.encode(call.skills)) > MAX_SKILL_BYTES:
            raise InvalidRequest(f"skills: more than {MAX_SKILL_BYTES} bytes together", {"field": "skills"})
        live.skills = tuple(call.skills)
        return NodeSkillsKept(node_id=live.node_id, skills=list(live.skills))

    @handles(NodeRunnerInventoryUpdate)
    async def runners(self, ctx: Ctx, _: NodeRunnerInventoryUpdate) -> NodeNamed:
        """See `NodeRunnerInventoryUpdate`."""
        live = await self._registry.of(ctx.principal)
        # Not from the database: an answer must not be older than the decision that the node has just heard.
        if live.waits or not live.approved:
            raise Unavailable(
                "node capability surface is awaiting operator approval; "
                "an operator sees it in `homarus nodes pending` and approves it with `homarus nodes approve`"
            )
        self._hub.publish(NodeRunnerInventoryChanged(node_id=live.node_id))
        return NodeNamed(node_id=live.node_id)


def _usable(tool: NodePluginTool, live: LiveNode) -> bool:
    """Whether agents could run this tool: its command, or the one for MCP tools, is approved."""
    command = tool.command or ("mcp.tools.call.v1" if tool.mcp is not None else None)
    return command is not None and command in live.effective.commands
