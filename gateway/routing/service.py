"""The router: rules in memory for deciding, on disk for keeping."""

import asyncio

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database
from gateway.routing import store
from gateway.routing.keys import session_name
from gateway.routing.model import AgentNames, Arrival, OnlyMain, Route
from gateway.routing.rules import HOLDS, CompiledRule, ordered
from gateway.sessions.keys import agent_of, canonical_key
from protocol.errors import Conflict, NotFound
from protocol.nouns.route import RouteRule, RuleVerdict


class Routing:
    """Decides which agent and conversation a message belongs to. Call `load` before the first `route`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._agents: AgentNames = OnlyMain()
        self._changing = asyncio.Lock()
        self._stored = store.StoredRules([], 0)
        self._rules: tuple[CompiledRule, ...] = ()

    async def load(self) -> None:
        """Read the stored rules."""
        self._adopt(await self._db.read(store.load))

    def connect(self, agents: AgentNames) -> None:
        """Decide among these agents from now on; agents live in a higher tier and come later."""
        self._agents = agents

    @property
    def rules(self) -> list[RouteRule]:
        """The rules as they were given."""
        return self._stored.rules

    @property
    def revision(self) -> int:
        """How often the rules have changed."""
        return self._stored.revision

    @property
    def default_agent_id(self) -> str:
        """Who answers when no rule holds."""
        return self._agents.default_agent_id

    async def replace(self, rules: list[RouteRule], expected_revision: int | None) -> None:
        """Keep `rules` instead of the present ones; the next message is already decided by them.

        Raises:
            InvalidRequest: when a rule cannot work, naming its field.
            NotFound: when a rule names an agent that does not exist.
            Conflict: when the rules changed since `expected_revision`.
        """
        ordered(rules)
        for index, rule in enumerate(rules):
            self._checked_agent(rule.agent_id, f"rules/{index}/agentId")
        now_ms = self._clock.now_ms()
        async with self._changing:
            stored = await self._db.write(lambda tx: store.replace(tx, rules, expected_revision, now_ms))
            if stored is None:
                raise Conflict("expectedRevision: the rules have changed; list them again first")
            self._adopt(stored)

    def route(self, arrival: Arrival) -> Route:
        """Where a message goes. What its sender names wins; a rule for a missing agent is passed over.

        Raises:
            NotFound: when the sender names an agent that does not exist.
            InvalidRequest: when the session key is malformed or belongs to another agent.
        """
        named = self._named(arrival)
        if named is not None:
            return named
        for entry in self._rules:
            if entry.takes(arrival) and self._exists(entry.rule.agent_id):
                return self._to(arrival, entry.rule.agent_id, entry.rule.id, f"rule {entry.rule.id}")
        return self._to(arrival, self.default_agent_id, None, "default agent")

    def considered(self, arrival: Arrival) -> list[RuleVerdict]:
        """What each rule says about a message, up to the one that takes it."""
        verdicts: list[RuleVerdict] = []
        for entry in self._rules:
            verdict = entry.verdict(arrival)
            if verdict.matched and not self._exists(entry.rule.agent_id):
                reason = f"{HOLDS}, but agent {entry.rule.agent_id} does not exist"
                verdict = RuleVerdict(rule_id=entry.rule.id, matched=False, reason=reason)
            verdicts.append(verdict)
            if verdict.matched:
                break
        return verdicts

    def _named(self, arrival: Arrival) -> Route | None:
        if arrival.agent_id is not None:
            agent_id = self._checked_agent(arrival.agent_id, "agentId")
            key = canonical_key(arrival.session_key or session_name(arrival), agent_id)
            return Route(agent_id, key, None, "named by the sender")
        if arrival.session_key is None:
            return None
        # Rules do not look at it: whoever names a conversation must find it again under that name.
        key = canonical_key(arrival.session_key)
        agent_id = self._checked_agent(agent_of(key) or self.default_agent_id, "sessionKey")
        return Route(agent_id, key, None, "named in the session key")

    def _to(self, arrival: Arrival, agent_id: str, rule_id: str | None, reason: str) -> Route:
        return Route(agent_id, canonical_key(session_name(arrival), agent_id), rule_id, reason)

    def _checked_agent(self, agent_id: str, field: str) -> str:
        folded = agent_id.strip().lower()
        if not self._exists(folded):
            raise NotFound(f"{field}: there is no agent {folded}; see agents.list", {"field": field})
        return folded

    def _exists(self, agent_id: str) -> bool:
        try:
            self._agents.resolve(agent_id)
        except NotFound:
            return False
        return True

    def _adopt(self, stored: store.StoredRules) -> None:
        self._stored = stored
        self._rules = ordered(stored.rules)
