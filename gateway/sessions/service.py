"""The session index: resolve names, list, create, change, archive, reset and delete sessions."""

from gateway.kernel.clock import Clock
from gateway.kernel.ports import AgentCatalog, FirstMessage, RunStopper
from gateway.kernel.store.db import Database
from gateway.sessions.keys import SessionKey, canonical_key
from gateway.sessions.model import Seed, Session
from protocol.nouns.session import SessionDefaults, SessionRow


class SessionIndex:
    """Which sessions there are. Nothing is loaded at start; `state.db` is the only copy."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def attach_agents(self, catalog: AgentCatalog) -> None:
        """Take models and thinking levels of rows from `catalog`; `agents` calls this once during setup."""
        raise NotImplementedError

    def attach_turns(self, first: FirstMessage, stopper: RunStopper) -> None:
        """Let `sessions.create` start a run, and archive, reset and delete stop them; `chat` calls this."""
        raise NotImplementedError

    def resolve(self, key_or_alias: str | None, agent_id: str | None = None) -> SessionKey:
        """The canonical key of what a client calls a session; see `gateway.sessions.keys`.

        Raises:
            InvalidRequest: when it cannot be a key.
        """
        return canonical_key(key_or_alias, agent_id)

    async def get(self, key: SessionKey) -> Session | None:
        """The session under a canonical key."""
        raise NotImplementedError

    async def ensure(self, key: SessionKey, seed: Seed) -> Session:
        """The session under `key`, created when there is none. Inside a unit: `store.ensure(tx, …)`."""
        raise NotImplementedError

    async def row(self, key: SessionKey) -> SessionRow | None:
        """What lists and events show of a session."""
        raise NotImplementedError

    async def row_or_blank(self, key: SessionKey) -> SessionRow:
        """As `row`; a session that does not exist yet is a name only (`sessionInfo` of a new chat)."""
        raise NotImplementedError

    def defaults(self, agent_id: str | None) -> SessionDefaults:
        """The `defaults` member of lists and histories."""
        raise NotImplementedError
