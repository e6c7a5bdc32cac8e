"""An index on a real file, with a clock that stands still and two agents that never change."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.kernel.net.hub import Hub
from gateway.kernel.ports import AgentFacts, StartedRun
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.sessions import store
from gateway.sessions.announce import Announcer
from gateway.sessions.keys import canonical_key
from gateway.sessions.lifecycle import Sessions
from gateway.sessions.model import Seed, Session
from gateway.sessions.service import SessionIndex
from gateway.transcripts.model import TranscriptSettings
from gateway.transcripts.service import Transcripts
from protocol.errors import GatewayError
from protocol.nouns.session import Actor
from tests.support.clock import FakeClock

OWNER = Actor(type="human", id="gateway-owner")

STATE = load_migrations("kernel", "gateway.kernel.rpc") + load_migrations("sessions", "gateway.sessions")
TRANSCRIPTS = load_migrations("transcripts", "gateway.transcripts")


class TwoAgents:
    """`main` thinks; `cook` does not."""

    def __init__(self) -> None:
        self.model = "big-1"

    def agent_ids(self) -> tuple[str, ...]:
        return ("main", "cook")

    def facts(self, agent_id: str) -> AgentFacts | None:
        if agent_id == "main":
            return AgentFacts(
                runtime="llm",
                model_provider="local",
                model=self.model,
                context_tokens=120_000,
                thinking_levels=("off", "high"),
            )
        return AgentFacts(runtime="offline") if agent_id == "cook" else None

    def choose_model(self, agent_id: str, name: str) -> AgentFacts | None:
        if (agent_id, name) != ("main", "local/small-1"):
            return None
        return AgentFacts(runtime="llm", model_provider="local", model="small-1")


class Turns:
    """Starts and stops runs as chat does, without doing any."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, str | None]] = []
        self.stopped: list[tuple[str, str]] = []
        self.refusal: GatewayError | None = None

    async def start(
        self,
        ctx: Ctx,  # noqa: ARG002 - part of the port
        session_key: str,
        message: str,
        attachments: list[msgspec.Raw],  # noqa: ARG002 - part of the port
        idempotency_key: str | None,
    ) -> StartedRun:
        if self.refusal is not None:
            raise self.refusal
        self.started.append((session_key, message, idempotency_key))
        return StartedRun(run_id="run-1", message_seq=1)

    async def stop(self, session_key: str, reason: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.stopped.append((session_key, reason))


class House:
    """The parts of the sessions feature, wired as the daemon wires them."""

    def __init__(self, state: Database, transcripts: Database) -> None:
        self.db = state
        self.clock = FakeClock()
        self.agents = TwoAgents()
        self.turns = Turns()
        self.hub = Hub("test-epoch")
        self.index = SessionIndex(state, self.clock, "state.db")
        self.index.attach_agents(self.agents)
        self.index.attach_turns(self.turns, self.turns)
        self.transcripts = Transcripts(transcripts, self.clock, TranscriptSettings)
        self.announcer = Announcer(self.hub, self.index, self.clock)
        self.sessions = Sessions(state, self.clock, self.index, self.transcripts, self.announcer)

    async def make(self, name: str, **seed: object) -> Session:
        """A session under a name, one second after the one before."""
        self.clock.jump(1)
        key = canonical_key(name)
        born = msgspec.structs.replace(Seed(created_via="operator", creator=OWNER), **seed)
        return await self.db.write(lambda tx: store.ensure(tx, key, born, self.clock.now_ms()))

    async def set(self, name: str, **changes: object) -> Session:
        """Change what is stored of a session."""
        key = canonical_key(name)

        def unit(tx: store.Tx) -> Session:
            session = store.find(tx, key)
            assert session is not None
            return store.change(tx, session, **changes)

        return await self.db.write(unit)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    state = await Database.open(tmp_path / "state.db", STATE)
    transcripts = await Database.open(tmp_path / "transcripts.db", TRANSCRIPTS)
    yield House(state, transcripts)
    await state.close()
    await transcripts.close()
