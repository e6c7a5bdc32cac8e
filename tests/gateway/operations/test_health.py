"""The snapshot is cheap, current, and told when it changes."""

import msgspec
import pytest

from gateway.kernel.health import HealthBoard
from gateway.kernel.net.hub import Hub
from gateway.operations.facts import AgentFact, AgentSessions, Facts, SessionFacts
from gateway.operations.health import HealthFeed
from gateway.operations.loop import EventLoopMonitor
from protocol.nouns.health import HealthSummary
from protocol.nouns.status import StatusSession
from tests.support.clock import FakeClock


def session(key: str, updated_at: int) -> StatusSession:
    return StatusSession(
        agent_id="main",
        key=key,
        kind="direct",
        session_id=key,
        updated_at=updated_at,
        age=0,
        total_tokens=None,
        total_tokens_fresh=False,
        remaining_tokens=None,
        percent_used=None,
        model=None,
        context_tokens=None,
        flags=[],
    )


class Bench:
    """A feed over counted facts."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.board = HealthBoard(self.clock)
        self.hub = Hub("boot")
        self.asked = 0
        self.written = 0
        self.facts = Facts(sessions=self.sessions, agents=self.agents)
        self.agents_asked = 0
        self.feed = HealthFeed(
            facts=self.facts,
            board=self.board,
            hub=self.hub,
            clock=self.clock,
            loop=EventLoopMonitor(self.clock, self.board),
            store_path="/state.db",
            writes=lambda: self.written,
        )

    async def sessions(self) -> SessionFacts:
        self.asked += 1
        recent = [session(f"agent:main:{number}", self.clock.now_ms() - number) for number in range(9)]
        return SessionFacts(by_agent={"main": AgentSessions(count=40, recent=recent)})

    def agents(self) -> list[AgentFact]:
        self.agents_asked += 1
        return [AgentFact(agent_id="helper"), AgentFact(agent_id="main", is_default=True, name="Main")]

    def read(self, *, fresh: bool = False) -> HealthSummary:
        return msgspec.json.decode(self.feed.current(fresh=fresh), type=HealthSummary)

    @property
    def version(self) -> int:
        return self.hub.state_version.health


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_it_is_composed_once_a_second(bench: Bench) -> None:
    for _ in range(10):
        bench.read()
    once = bench.agents_asked
    bench.clock.move(1.1)
    bench.read()
    assert bench.agents_asked == 2 * once
    bench.read(fresh=True)
    assert bench.agents_asked == 3 * once


async def test_sessions_are_those_of_the_default_agent(bench: Bench) -> None:
    await bench.feed.tick()
    health = bench.read()
    assert health.default_agent_id == "main"
    assert (health.sessions.count, len(health.sessions.recent)) == (40, 5)
    assert health.sessions.recent[3].age == 3
    assert [(agent.agent_id, agent.sessions.count) for agent in health.agents] == [
        ("helper", 0),
        ("main", 40),
    ]


async def test_the_overview_is_asked_for_only_when_something_was_written(bench: Bench) -> None:
    for _ in range(30):
        await bench.feed.tick()
        bench.clock.move(1)
    assert bench.asked == 1
    bench.written += 2
    await bench.feed.tick()
    await bench.feed.tick()
    assert bench.asked == 2


async def test_it_is_broadcast_on_change_and_once_a_minute(bench: Bench) -> None:
    await bench.feed.tick()
    before = bench.version
    for _ in range(59):
        bench.clock.move(1)
        await bench.feed.tick()
    assert bench.version == before
    bench.clock.move(1)
    await bench.feed.tick()
    assert bench.version == before + 1
    bench.board.report("telegram", ok=False, detail="no answer")
    bench.board.report("voice", ok=False, detail="no microphone")
    await bench.feed.tick()
    assert bench.version == before + 2
    health = bench.read()
    assert health.ok
    assert [(part.id, part.error) for part in health.plugins.errors] == [
        ("telegram", "no answer"),
        ("voice", "no microphone"),
    ]
