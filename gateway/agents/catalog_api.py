"""Models, tools, skills and commands over RPC."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gateway.agents import provider_status
from gateway.agents.catalog import ModelCatalog
from gateway.agents.model import AgentProfile
from gateway.agents.probing import ProviderProbe
from gateway.agents.service import Agents
from gateway.agents.settings import AgentsSettings
from gateway.agents.skills import scan
from gateway.agents.tool_lists import catalog_groups, effective_groups, profile_choices
from gateway.agents.tools import ToolContext, ToolRegistry
from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.idempotency import CallKey, IdempotentCalls
from gateway.kernel.rpc.router import handles
from gateway.sessions.keys import agent_of, canonical_key
from protocol.errors import InvalidRequest
from protocol.methods.commands import CommandsList, CommandsListResult
from protocol.methods.models import (
    ModelsAuthStatus,
    ModelsAuthStatusResult,
    ModelsList,
    ModelsListResult,
    ModelsProbe,
    ModelsProbeResult,
)
from protocol.methods.skills import SkillsBins, SkillsBinsResult, SkillsStatus, SkillsStatusResult
from protocol.methods.tools import (
    ToolsCatalog,
    ToolsCatalogResult,
    ToolsEffective,
    ToolsEffectiveResult,
    ToolsInvoke,
    ToolsInvokeResult,
)
from protocol.nouns.command import SlashCommand
from protocol.nouns.model import ProviderOutcome
from protocol.nouns.tool import ToolError

POLICY_CAP = "model-selection-policy"
"""Clients with it want `manualSelectionAllowed`. Source: docs/gateway/protocol/operator-methods.md."""


def agent_for(agents: Agents, agent_id: str | None, session_key: str | None) -> AgentProfile:
    """The agent a request is about: named, else the one of the session, else the default one.

    Raises:
        NotFound: there is no such agent.
        InvalidRequest: the session belongs to another agent than the one named.
    """
    if session_key is None:
        return agents.named_or_default(agent_id)
    of_session = agent_of(canonical_key(session_key, agent_id, default_agent=agents.default_agent_id))
    return agents.named_or_default(of_session if of_session is not None else agent_id)


class ModelsApi:
    """`models.*`."""

    def __init__(
        self,
        agents: Agents,
        catalog: ModelCatalog,
        settings: Callable[[], AgentsSettings],
        probe: ProviderProbe,
        clock: Clock,
    ) -> None:
        self._agents = agents
        self._catalog = catalog
        self._settings = settings
        self._probe = probe
        self._clock = clock

    @handles(ModelsList)
    async def models(self, ctx: Ctx, call: ModelsList) -> ModelsListResult:
        """Models for an agent."""
        profile = agent_for(self._agents, call.agent_id, call.session_key)
        if call.provider is not None:
            self._check_provider(call.provider)
        outcomes = await self._refresh(call.provider) if call.refresh else None
        choices = self._catalog.choices(
            profile,
            everything=call.view in {"default", "all"},
            details=call.include_details,
            policy=POLICY_CAP in ctx.principal.caps,
        )
        if call.view == "provider-config":
            configured = self._settings().providers
            choices = [choice for choice in choices if choice.provider in configured]
        if call.provider is not None:
            choices = [choice for choice in choices if choice.provider == call.provider]
        return ModelsListResult(models=choices, provider_outcomes=outcomes)

    @handles(ModelsAuthStatus)
    def auth_status(self, _ctx: Ctx, _call: ModelsAuthStatus) -> ModelsAuthStatusResult:
        """Whether the providers have their keys."""
        return ModelsAuthStatusResult(
            ts=self._clock.now_ms(),
            providers=provider_status.providers(self._settings()),
            provider_capabilities=provider_status.capabilities(),
        )

    @handles(ModelsProbe)
    async def probe(self, _ctx: Ctx, call: ModelsProbe) -> ModelsProbeResult:
        """Whether a provider answers."""
        self._check_provider(call.provider)
        target = (await self._probe.ask(call.provider, call.timeout_ms / 1000)).target
        return ModelsProbeResult(
            provider=call.provider,
            status=target.status,
            latency_ms=target.latency_ms,
            error=target.error,
            results=[target],
        )

    async def _refresh(self, only: str | None) -> list[ProviderOutcome]:
        names = [name for name in self._settings().providers if only in {None, name}]
        probed = await asyncio.gather(*(self._probe.ask(name) for name in names))
        outcomes: list[ProviderOutcome] = []
        for name, found in zip(names, probed, strict=True):
            if found.target.status == "ok":
                self._catalog.discovered(name, found.models)
            outcomes.append(ProviderOutcome(provider=name, status=found.outcome))
        return outcomes

    def _check_provider(self, name: str) -> None:
        if name not in {*self._settings().providers, "homarus", "command"}:
            raise InvalidRequest(f"provider: {name!r} is not configured", {"field": "provider"})


class ToolsApi:
    """`tools.*`."""

    def __init__(
        self,
        agents: Agents,
        tools: ToolRegistry,
        settings: Callable[[], AgentsSettings],
        calls: IdempotentCalls,
    ) -> None:
        self._agents = agents
        self._tools = tools
        self._settings = settings
        self._calls = calls

    @handles(ToolsCatalog)
    def catalog(self, _ctx: Ctx, call: ToolsCatalog) -> ToolsCatalogResult:
        """Every tool."""
        profile = self._agents.named_or_default(call.agent_id)
        return ToolsCatalogResult(
            agent_id=profile.id, profiles=profile_choices(), groups=catalog_groups(self._tools.all())
        )

    @handles(ToolsEffective)
    def effective(self, ctx: Ctx, call: ToolsEffective) -> ToolsEffectiveResult:
        """The tools of a session's agent."""
        profile = agent_for(self._agents, call.agent_id, call.session_key)
        usable = self._tools.usable(profile.tools_allow, ctx.principal.scopes)
        entry = self._settings().entries.get(profile.id)
        return ToolsEffectiveResult(
            agent_id=profile.id,
            profile="full" if profile.tools_allow is None else "minimal",
            groups=effective_groups(usable),
            notices=provider_status.tool_notices(profile, entry.mcp if entry is not None else ()),
        )

    @handles(ToolsInvoke)
    async def invoke(self, ctx: Ctx, call: ToolsInvoke) -> ToolsInvokeResult:
        """Run a tool as the caller."""
        if call.idempotency_key is None:
            return await self._run(ctx, call)
        key = CallKey(ctx.principal.actor, call.wire_name, call.idempotency_key)
        return await self._calls.once(key, lambda: self._run(ctx, call), ToolsInvokeResult)

    async def _run(self, ctx: Ctx, call: ToolsInvoke) -> ToolsInvokeResult:
        profile = agent_for(self._agents, call.agent_id, call.session_key)
        context = ToolContext(
            agent_id=profile.id,
            session_key=call.session_key or f"agent:{profile.id}:main",
            run_id=ctx.request_id,
            actor=ctx.principal.actor,
            scopes=ctx.principal.scopes,
        )
        args = msgspec.json.encode(call.args or {})
        result = await self._tools.call(call.name, context, args, profile.tools_allow)
        if result.is_error:
            error = ToolError(code="TOOL_FAILED", message=result.text)
            return ToolsInvokeResult(ok=False, tool_name=call.name, source="core", error=error)
        return ToolsInvokeResult(ok=True, tool_name=call.name, source="core", output=result.text)


class SkillsApi:
    """`skills.*`."""

    def __init__(self, agents: Agents, managed: Path) -> None:
        self._agents = agents
        self._managed = managed

    @handles(SkillsStatus)
    async def status(self, _ctx: Ctx, call: SkillsStatus) -> SkillsStatusResult:
        """The skills of an agent."""
        profile = agent_for(self._agents, call.agent_id, call.session_key)
        return SkillsStatusResult(
            workspace_dir=str(profile.workspace),
            managed_skills_dir=str(self._managed),
            agent_id=profile.id,
            skills=await asyncio.to_thread(scan, profile.workspace, self._managed),
        )

    @handles(SkillsBins)
    async def bins(self, _ctx: Ctx, _call: SkillsBins) -> SkillsBinsResult:
        """Programs the default agent's skills name."""
        profile = self._agents.named_or_default(None)
        skills = await asyncio.to_thread(scan, profile.workspace, self._managed)
        names = {
            name for skill in skills for name in (*skill.requirements.bins, *skill.requirements.any_bins)
        }
        return SkillsBinsResult(bins=sorted(names))


class CommandsApi:
    """`commands.list`."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self.table: Callable[[str], Sequence[SlashCommand]] = lambda _: ()
        """The commands of an agent; set once the feature that carries them out is there."""

    @handles(CommandsList)
    def list(self, _ctx: Ctx, call: CommandsList) -> CommandsListResult:
        """What may be typed after a slash."""
        profile = agent_for(self._agents, call.agent_id, call.session_key)
        wanted = {call.scope, "both"} if call.scope in {"text", "native"} else {"text", "native", "both"}
        commands = [command for command in self.table(profile.id) if command.scope in wanted]
        if not call.include_args:
            commands = [msgspec.structs.replace(command, args=None) for command in commands]
        return CommandsListResult(commands=commands)
