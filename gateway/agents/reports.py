"""What agents tell the parts below them: lists of sessions, health, and the first words to a client."""

from gateway.agents.catalog import ModelCatalog
from gateway.agents.provider_status import llm_installed
from gateway.agents.service import Agents
from gateway.agents.settings import OFFLINE_MODEL
from gateway.agents.usage import UsageLedger
from gateway.kernel.ports import AgentFacts
from gateway.memory.service import MemoryService
from gateway.operations.facts import AgentFact, Facts
from gateway.sessions.keys import main_key
from protocol.connect import SessionDefaults
from protocol.methods.diagnostics import EmbeddingState, MemoryStatus


class Roster:
    """Which agents there are, for whoever only shows them; an `AgentCatalog`."""

    def __init__(self, agents: Agents, catalog: ModelCatalog) -> None:
        self._agents = agents
        self._catalog = catalog

    def agent_ids(self) -> tuple[str, ...]:
        """Every agent, the default one first."""
        return tuple(profile.id for profile in self._agents.profiles())

    def facts(self, agent_id: str) -> AgentFacts | None:
        """The present facts of an agent; None when there is none of that id."""
        profile = self._agents.find(agent_id)
        return self._catalog.facts(profile) if profile is not None else None

    def choose_model(self, agent_id: str, name: str) -> AgentFacts | None:
        """The facts of an agent with another model; None when it cannot use one of that name."""
        profile = self._agents.find(agent_id)
        if profile is None:
            return None
        model = self._catalog.find(profile, name)
        return self._catalog.facts(profile, model) if model is not None else None

    def session_defaults(self) -> SessionDefaults:
        """Where a client without a session of its own talks to."""
        profiles = self._agents.profiles()
        default = profiles[0]
        return SessionDefaults(
            default_agent_id=default.id,
            model_configured=True,
            ownership="sole" if len(profiles) == 1 else "explicit",
            selection_required=False,
            main_key="main",
            main_session_key=main_key(default.id),
            scope="per-sender",
        )


def report_to(facts: Facts, agents: Agents, ledger: UsageLedger, memory: MemoryService) -> None:
    """Put what operations shows of agents into `facts`."""

    def listed() -> list[AgentFact]:
        default = agents.default_agent_id
        return [
            AgentFact(agent_id=profile.id, is_default=profile.id == default, name=profile.name)
            for profile in agents.profiles()
        ]

    def unready() -> list[str]:
        if llm_installed():
            return []
        return [
            profile.id
            for profile in agents.profiles()
            if profile.runtime == "llm" and OFFLINE_MODEL not in profile.fallbacks
        ]

    async def remembered(agent_id: str | None) -> MemoryStatus:
        profile = agents.named_or_default(agent_id)
        by_words = EmbeddingState(
            ok=False, checked=True, error="memory is searched by words, without a model"
        )
        entries = await memory.count(profile.id)
        return MemoryStatus(agent_id=profile.id, provider="none", embedding=by_words, entries=entries)

    facts.memory = remembered
    facts.agents = listed
    facts.unready_agents = unready
    facts.usage = ledger.buckets
