"""Puts the agents together."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from gateway.agents.api import AgentsApi
from gateway.agents.breaker import Breakers
from gateway.agents.catalog import ModelCatalog
from gateway.agents.catalog_api import CommandsApi, ModelsApi, SkillsApi, ToolsApi
from gateway.agents.command.runtime import CommandRuntime
from gateway.agents.files import AgentFiles
from gateway.agents.house_tools import Surroundings, add_house_tools
from gateway.agents.llm.runtime import EngineDoor, LlmRuntime
from gateway.agents.memory_api import MemoryApi
from gateway.agents.memory_tools import add_memory_tools
from gateway.agents.model import AgentDirectory
from gateway.agents.node_runs import NodeRuns
from gateway.agents.node_tools import NodeTools, add_node_tools
from gateway.agents.offline.runtime import OfflineRuntime
from gateway.agents.probing import ProviderProbe
from gateway.agents.reports import Roster, report_to
from gateway.agents.runtimes import Runtimes
from gateway.agents.service import Agents
from gateway.agents.settings import AgentsSettings
from gateway.agents.skill_tools import add_skill_tools
from gateway.agents.tool_policy import ToolPolicy
from gateway.agents.tools import ToolRegistry
from gateway.agents.usage import UsageLedger
from gateway.approvals.permits import Permits
from gateway.devices.service import Devices
from gateway.kernel.feature import House
from gateway.kernel.ports import AgentCatalog, CommandTable
from gateway.kernel.rpc.idempotency import IdempotentCalls
from gateway.memory.service import MemoryService
from gateway.nodes.candidates import NodeChooser
from gateway.nodes.invoke import Invocations
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.runs import AuthorisedRuns
from gateway.operations.facts import Facts
from gateway.sessions.model import Session
from gateway.sessions.service import SessionIndex
from protocol.methods.sessions import SessionFilter

if TYPE_CHECKING:
    from gateway.agents.llm.engine import LlmEngine

PRUNE_INTERVAL_S: Final = 24 * 3600.0


async def wire(house: House) -> None:
    """Build everything; offer the directory, the catalogs, the tool registry and the usage ledger."""

    def settings() -> AgentsSettings:
        return house.config.get(AgentsSettings)

    guard = ToolPolicy(house.policy, house.audit).objection
    tools, memory = house.offer(ToolRegistry(guard)), house.need(MemoryService)
    breakers = Breakers(house.clock, partial(_report_provider, house))
    ledger = house.offer(UsageLedger(house.database("state"), house.clock))
    catalog = house.offer(ModelCatalog(settings, breakers, house.clock))
    door = EngineDoor(partial(_engine, house, settings, breakers))
    agents = house.offer(
        Agents(
            database=house.database("state"),
            home=house.home,
            clock=house.clock,
            settings=settings,
            runtime_of=Runtimes(
                offline=lambda profile: OfflineRuntime(profile, tools, house.clock),
                llm=lambda profile: LlmRuntime(profile, door),
                command=lambda profile: CommandRuntime(profile, settings, house.tasks),
            ).of,
        )
    )
    house.offer(agents, AgentDirectory)
    add_house_tools(tools, _surroundings(house, agents))
    add_memory_tools(tools, memory)
    add_node_tools(tools, _node_tools(house))
    add_skill_tools(tools, agents, house.home.root / "skills")
    _tell_others(house, agents, catalog, ledger)
    await agents.start()
    await ledger.start()
    house.config.watch(AgentsSettings, partial(_changed, house, agents, breakers))
    house.stack.push_async_callback(door.close)
    house.tasks.every("prune usage", PRUNE_INTERVAL_S, ledger.prune)
    _serve(house, agents, catalog, settings)


def _serve(
    house: House, agents: Agents, catalog: ModelCatalog, settings: Callable[[], AgentsSettings]
) -> None:
    memory, tools = house.need(MemoryService), house.need(ToolRegistry)
    commands = CommandsApi(agents)
    house.rpc.add(AgentsApi(agents, catalog, AgentFiles(), memory, house.audit))
    house.rpc.add(ModelsApi(agents, catalog, settings, ProviderProbe(settings), house.clock))
    house.rpc.add(ToolsApi(agents, tools, settings, house.need(IdempotentCalls)))
    house.rpc.add(SkillsApi(agents, house.home.root / "skills"))
    house.rpc.add(MemoryApi(agents, memory))
    house.rpc.add(commands)

    async def find_commands() -> None:
        # Commands are carried out by a later feature, which may be switched off.
        try:
            commands.table = house.need(CommandTable).commands
        except LookupError:
            return

    house.after_start(find_commands)


def _tell_others(house: House, agents: Agents, catalog: ModelCatalog, ledger: UsageLedger) -> None:
    roster = Roster(agents, catalog)
    house.offer(roster, AgentCatalog)
    index, facts = house.need(SessionIndex), house.need(Facts)
    index.attach_agents(roster)
    agents.on_change(index.forget_pages)
    report_to(facts, agents, ledger, house.need(MemoryService))
    house.hello.session_defaults = roster.session_defaults


def _engine(
    house: House, settings: Callable[[], AgentsSettings], breakers: Breakers, kind: "type[LlmEngine]"
) -> "LlmEngine":
    return kind(
        settings=settings,
        tools=house.need(ToolRegistry),
        ledger=house.need(UsageLedger),
        breakers=breakers,
        health=house.health,
        tasks=house.tasks,
        clock=house.clock,
        managed_skills=house.home.root / "skills",
    )


def _node_tools(house: House) -> NodeTools:
    invocations, permits = house.need(Invocations), house.need(Permits)
    runs = NodeRuns(invocations, house.need(AuthorisedRuns), permits, house.audit)
    return NodeTools(house.need(NodeRegistry), invocations, runs, permits, house.need(NodeChooser))


def _surroundings(house: House, agents: Agents) -> Surroundings:
    index = house.need(SessionIndex)

    async def sessions(limit: int, search: str) -> tuple[Sequence[Session], int]:
        found = await index.listed(SessionFilter(limit=limit, search=search or None), None)
        return found.sessions, found.total

    return Surroundings(
        clock=house.clock,
        hub=house.hub,
        health=house.health,
        sessions=sessions,
        devices=house.need(Devices).known,
        agents=agents.profiles,
        started_ms=house.started_ms,
    )


def _changed(
    house: House, agents: Agents, breakers: Breakers, old: AgentsSettings, new: AgentsSettings
) -> None:
    for provider, entry in old.providers.items():
        if new.providers.get(provider) != entry:
            # What was wrong with it may just have been put right.
            breakers.forget(provider)
            house.health.forget(f"models.{provider}")
    for server, program in old.mcp.items():
        if new.mcp.get(server) != program:
            house.health.forget(f"mcp.{server}")
    agents.refresh()


def _report_provider(house: House, provider: str, problem: str) -> None:
    house.health.report(f"models.{provider}", ok=not problem, detail=problem)
