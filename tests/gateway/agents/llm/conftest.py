"""A real engine on a real database; only the models are scripted, and they are asked over HTTP."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from gateway.agents.breaker import Breakers
from gateway.agents.llm.engine import LlmEngine
from gateway.agents.model import NoSteering, Steering, Turn, TurnEvent
from gateway.agents.settings import AgentsSettings
from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from gateway.agents.usage import UsageLedger
from gateway.kernel.clock import SystemClock
from gateway.kernel.health import HealthBoard
from gateway.kernel.secret import Secret
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor
from protocol.errors import NotFound
from protocol.scopes import Scope
from tests.support.clock import FakeClock
from tests.support.turns import profile_of, turn_of


class AddArgs(msgspec.Struct):
    """Two numbers."""

    a: int
    b: Annotated[int, Meta(ge=0)] = 1


async def add(context: ToolContext, args: AddArgs) -> str:
    context.update("adding")
    return f"{args.a + args.b} for {context.actor}"


async def lose(_context: ToolContext, _args: AddArgs) -> str:
    raise NotFound("it is lost")


async def crash(_context: ToolContext, _args: AddArgs) -> str:
    raise ZeroDivisionError


def settings_of(section: dict[str, Any]) -> AgentsSettings:
    """The section as the configuration would give it."""

    def secret(_kind: type, value: object) -> Secret:
        return Secret(value if isinstance(value, str) else None, problem="environment variable X is not set")

    return msgspec.convert(section, AgentsSettings, dec_hook=secret)


class QuickClock(SystemClock):
    """The real clock, except that waiting is noted instead of done."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


class Bench:
    """An engine whose settings a test may change."""

    def __init__(self, database: Database, workspace: Path) -> None:
        self.clock = FakeClock()
        self.pauses = QuickClock()
        self.tasks = Supervisor()
        self.health = HealthBoard(self.clock)
        self.ledger = UsageLedger(database, self.clock)
        self.changes: list[tuple[str, str]] = []
        self.breakers = Breakers(self.clock, lambda name, problem: self.changes.append((name, problem)))
        self.tools = ToolRegistry()
        for name, run in (("add", add), ("lose", lose), ("crash", crash)):
            tool = Tool(
                name=name,
                title=name.title(),
                description=f"{name}s",
                params=AddArgs,
                run=run,
                needs=Scope.READ,
            )
            self.tools.add(tool)
        self.settings = AgentsSettings()
        self.workspace = workspace
        self.database = database
        self.engine = LlmEngine(
            settings=lambda: self.settings,
            tools=self.tools,
            ledger=self.ledger,
            breakers=self.breakers,
            health=self.health,
            tasks=self.tasks,
            clock=self.pauses,
            managed_skills=workspace / "none",
        )

    def configure(self, **section: Any) -> None:
        """Replace the settings."""
        self.settings = settings_of(section)

    def stream(
        self,
        turn: Turn | str,
        steering: Steering | None = None,
        *,
        model: str = "local/scripted",
        **profile: Any,
    ) -> AsyncIterator[TurnEvent]:
        """The events of a turn."""
        agent = profile_of(runtime="llm", model=model, workspace=self.workspace, **profile)
        turn = turn_of(turn) if isinstance(turn, str) else turn
        return self.engine.run(agent, turn, steering or NoSteering())

    async def run(
        self, turn: Turn | str, steering: Steering | None = None, **profile: Any
    ) -> list[TurnEvent]:
        """All events of a turn."""
        return [event async for event in self.stream(turn, steering, **profile)]

    async def rows(self, columns: str) -> list[tuple[Any, ...]]:
        """Columns of the ledger's calls, oldest first."""
        return await self.database.read(
            lambda tx: tx.execute(f"SELECT {columns} FROM model_calls ORDER BY id").fetchall()  # noqa: S608
        )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    database = await Database.open(tmp_path / "state.db", load_migrations("agents", "gateway.agents"))
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    bench = Bench(database, workspace)
    yield bench
    await bench.engine.close()
    await bench.tasks.close(5.0)
    await database.close()


@pytest.fixture
def provider() -> Callable[..., dict[str, Any]]:
    """A provider's settings that never wait long."""

    def make(base_url: str, **changes: Any) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "api_key": "sk-scripted-model",
            "attempts": 1,
            "silence_s": 5.0,
            **changes,
        }

    return make
