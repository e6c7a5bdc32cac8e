"""The agents over RPC."""

import asyncio
from typing import Final

from gateway.agents.browse import WorkspaceBrowser
from gateway.agents.catalog import ModelCatalog
from gateway.agents.files import AgentFiles
from gateway.agents.model import AgentProfile
from gateway.agents.service import Agents
from gateway.kernel.audit.trail import Recorder
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.memory.service import MemoryService
from gateway.sessions.keys import agent_of, canonical_key
from protocol.methods.agents import (
    AgentIdentityGet,
    AgentIdentityResult,
    AgentsCreate,
    AgentsCreateResult,
    AgentsDelete,
    AgentsDeleteResult,
    AgentsFilesGet,
    AgentsFilesGetResult,
    AgentsFilesList,
    AgentsFilesListResult,
    AgentsFilesSet,
    AgentsFilesSetResult,
    AgentsList,
    AgentsListResult,
    AgentsUpdate,
    AgentsUpdateResult,
    AgentsWorkspaceGet,
    AgentsWorkspaceGetResult,
    AgentsWorkspaceList,
    AgentsWorkspaceListResult,
    FailedPath,
    RemovedPath,
)
from protocol.nouns.agent import AgentIdentity, AgentModel, AgentRuntimeInfo, AgentSummary, Choice

MAIN_KEY: Final = "main"
"""Short name of every agent's main conversation."""


class AgentsApi:
    """`agents.*` and `agent.identity.get`."""

    def __init__(
        self,
        agents: Agents,
        catalog: ModelCatalog,
        files: AgentFiles,
        memory: MemoryService,
        audit: Recorder,
    ) -> None:
        self._agents = agents
        self._catalog = catalog
        self._files = files
        self._memory = memory
        self._audit = audit
        self._browser = WorkspaceBrowser()

    @handles(AgentsList)
    async def list(self, _ctx: Ctx, _call: AgentsList) -> AgentsListResult:
        """All agents."""
        profiles = self._agents.profiles()
        git = await asyncio.to_thread(lambda: [(profile.workspace / ".git").exists() for profile in profiles])
        return AgentsListResult(
            default_id=self._agents.default_agent_id,
            ownership="sole" if len(profiles) == 1 else "explicit",
            selection_required=False,
            main_key=MAIN_KEY,
            scope="per-sender",
            agents=[self._summary(profile, has_git) for profile, has_git in zip(profiles, git, strict=True)],
        )

    @handles(AgentsCreate)
    async def create(self, ctx: Ctx, call: AgentsCreate) -> AgentsCreateResult:
        """Make an agent."""
        profile = await self._agents.create(call)
        self._audit.record("agent.created", actor=ctx.principal.actor, subject=profile.id)
        return AgentsCreateResult(
            ok=True,
            agent_id=profile.id,
            name=profile.name,
            workspace=str(profile.workspace),
            model=profile.model,
        )

    @handles(AgentsUpdate)
    async def update(self, ctx: Ctx, call: AgentsUpdate) -> AgentsUpdateResult:
        """Change an agent."""
        profile = await self._agents.update(call)
        self._audit.record("agent.updated", actor=ctx.principal.actor, subject=profile.id)
        return AgentsUpdateResult(ok=True, agent_id=profile.id)

    @handles(AgentsDelete)
    async def delete(self, ctx: Ctx, call: AgentsDelete) -> AgentsDeleteResult:
        """Remove an agent and what it remembers."""
        profile, away = await self._agents.delete(call.agent_id, with_files=call.delete_files)
        self._audit.record("agent.deleted", actor=ctx.principal.actor, subject=profile.id)
        await self._memory.forget_agent(profile.id)
        result = AgentsDeleteResult(ok=True, agent_id=profile.id, removed_bindings=0)
        if away is not None and away.problem:
            result.failed = [FailedPath(path=str(away.path), reason=away.problem)]
        elif away is not None:
            method = "missing" if away.missing else "trash"
            result.removed = [RemovedPath(path=str(away.path), method=method)]
        return result

    @handles(AgentIdentityGet)
    def identity(self, _ctx: Ctx, call: AgentIdentityGet) -> AgentIdentityResult:
        """Name and picture of an agent."""
        agent_id = call.agent_id
        if agent_id is None and call.session_key is not None:
            agent_id = agent_of(canonical_key(call.session_key, default_agent=self._agents.default_agent_id))
        profile = self._agents.named_or_default(agent_id)
        source = "default"
        if profile.named:
            source = "config" if profile.configured else "agent"
        return AgentIdentityResult(
            agent_id=profile.id,
            name=profile.name,
            name_source=source,
            avatar=profile.avatar or profile.emoji or profile.name[:1].upper(),
            emoji=profile.emoji,
        )

    @handles(AgentsFilesList)
    async def files_list(self, _ctx: Ctx, call: AgentsFilesList) -> AgentsFilesListResult:
        """The files that shape an agent."""
        profile = self._agents.resolve(call.agent_id)
        return AgentsFilesListResult(
            agent_id=profile.id,
            workspace=str(profile.workspace),
            files=await self._files.list(profile),
        )

    @handles(AgentsFilesGet)
    async def files_get(self, _ctx: Ctx, call: AgentsFilesGet) -> AgentsFilesGetResult:
        """One of them with content."""
        profile = self._agents.resolve(call.agent_id)
        file = await self._files.get(profile, call.name)
        return AgentsFilesGetResult(agent_id=profile.id, workspace=str(profile.workspace), file=file)

    @handles(AgentsFilesSet)
    async def files_set(self, ctx: Ctx, call: AgentsFilesSet) -> AgentsFilesSetResult:
        """Write one of them."""
        profile = self._agents.resolve(call.agent_id)
        file = await self._files.set(profile, call.name, call.content, call.expected_hash)
        self._audit.record(
            "agent.file.written",
            actor=ctx.principal.actor,
            subject=profile.id,
            details={"name": file.name, "size": file.size, "sha256": file.hash},
        )
        return AgentsFilesSetResult(ok=True, agent_id=profile.id, workspace=str(profile.workspace), file=file)

    @handles(AgentsWorkspaceList)
    async def workspace_list(self, _ctx: Ctx, call: AgentsWorkspaceList) -> AgentsWorkspaceListResult:
        """A folder of an agent's workspace."""
        return await self._browser.list(self._agents.resolve(call.agent_id), call)

    @handles(AgentsWorkspaceGet)
    async def workspace_get(self, _ctx: Ctx, call: AgentsWorkspaceGet) -> AgentsWorkspaceGetResult:
        """A file of an agent's workspace."""
        return await self._browser.get(self._agents.resolve(call.agent_id), call.path)

    def _summary(self, profile: AgentProfile, has_git: bool) -> AgentSummary:
        facts = self._catalog.facts(profile)
        identity = None
        if profile.named or profile.emoji or profile.avatar:
            identity = AgentIdentity(
                name=profile.name if profile.named else None, emoji=profile.emoji, avatar=profile.avatar
            )
        return AgentSummary(
            id=profile.id,
            kind="agent",
            created_via="operator" if profile.created_ms is not None else None,
            created_at=profile.created_ms,
            name=profile.name if profile.named else None,
            identity=identity,
            workspace=str(profile.workspace),
            workspace_git=has_git,
            agent_runtime=AgentRuntimeInfo(
                id=profile.runtime,
                cloud_placement_supported=False,
                device_placement_supported=False,
                source="agent" if profile.configured else "implicit",
            ),
            thinking_levels=[Choice(id=level, label=level) for level in facts.thinking_levels],
            thinking_options=list(facts.thinking_levels),
            thinking_default=facts.thinking_default,
            model=AgentModel(primary=profile.model, fallbacks=list(profile.fallbacks) or None),
            default_permission_mode="full",
        )
