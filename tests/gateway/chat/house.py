"""Chat with its real neighbours on a real disk, and a scripted agent at the runtime port."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from gateway.agents.model import (
    AgentProfile,
    AgentRuntime,
    Finished,
    ModelSelected,
    Steering,
    TextDelta,
    Turn,
    TurnEvent,
)
from gateway.chat.model import ChatSettings
from gateway.chat.runbook import Recovered
from gateway.chat.wiring import ChatRoom, Parts, assemble, attach
from gateway.inbox.service import Inbox
from gateway.kernel.clock import SystemClock
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Ctx, FinalFailure, Principal
from gateway.kernel.rpc.router import Router
from gateway.kernel.store.blobs import BlobStore
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor
from gateway.routing.service import Routing
from gateway.sessions.announce import SESSIONS_TOPIC, Announcer
from gateway.sessions.lifecycle import Sessions
from gateway.sessions.service import SessionIndex
from gateway.tasks.api import TasksApi
from gateway.tasks.service import TaskLedger
from gateway.transcripts.model import TranscriptSettings
from gateway.transcripts.service import Transcripts
from protocol.connect import ClientInfo
from protocol.errors import NotFound
from protocol.method import Call
from protocol.methods.agent import AgentAnswer
from protocol.methods.chat import ChatHistory, ChatSend, HistoryView
from protocol.nouns.run import SendAck
from protocol.scopes import ALL_SCOPES, Role, Scope

R = TypeVar("R")

Json = dict[str, Any]  # wire objects as a client would see them

Script = Callable[[Turn, Steering], AsyncGenerator[TurnEvent]]

FEATURES = ("sessions", "inbox", "routing", "tasks", "chat")


async def echo(turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Says what it was told."""
    yield ModelSelected("test", "echo-1")
    yield TextDelta(f"echo: {turn.message}")
    yield Finished("stop")


class ScriptedAgents:
    """A fake at the runtime port: every agent answers by `script`. Counts what it was asked."""

    default_agent_id = "main"

    def __init__(self) -> None:
        self.script: Script = echo
        self.turns: list[Turn] = []
        self.names = {"main", "ops"}

    def resolve(self, agent_id: str) -> AgentProfile:
        """Something for any known name."""
        if agent_id not in self.names:
            raise NotFound(f"no agent {agent_id}")
        # Chat only asks whether there is such an agent.
        return cast("AgentProfile", agent_id)

    def runtime_for(self, agent_id: str) -> AgentRuntime:
        """Itself, for known names."""
        self.resolve(agent_id)
        return self

    def run(self, turn: Turn, steering: Steering) -> AsyncIterator[TurnEvent]:
        """Answer by the script."""
        self.turns.append(turn)
        return self.script(turn, steering)


class Watcher:
    """A connection at the hub that keeps every event."""

    resumable = False
    lagging = False

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.events: list[tuple[str, Json]] = []
        self._changed = asyncio.Event()

    def deliver(self, pending: Pending) -> None:
        """Keep one event."""
        frame = json.loads(pending.event.head + b"}")
        self.events.append((frame["event"], frame["payload"]))
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self, code: int, reason: str) -> None:
        """Never called by chat."""
        raise AssertionError((code, reason))

    def of(self, name: str, run_id: str | None = None) -> list[Json]:
        """Payloads of one event, of one run."""
        return [
            payload
            for event, payload in self.events
            if event == name and run_id in {None, payload.get("runId")}
        ]

    async def until(self, condition: Callable[[], object]) -> None:
        """Return once `condition` holds."""
        async with asyncio.timeout(5):
            while not condition():
                await self._changed.wait()

    async def ended(self, run_id: str) -> Json:
        """The last `chat` event of a run."""
        ends = {"final", "aborted", "error"}
        await self.until(lambda: [e for e in self.of("chat", run_id) if e["state"] in ends])
        return next(e for e in self.of("chat", run_id) if e["state"] in ends)


def principal(
    conn_id: str = "c1",
    *,
    caps: frozenset[str] = frozenset({"tool-events"}),
    scopes: tuple[Scope, ...] = tuple(ALL_SCOPES),
    device_id: str | None = "device-1",
) -> Principal:
    """An admitted operator."""
    client = ClientInfo(id="openclaw-tui", version="1", platform="linux", mode="ui")
    return Principal(
        conn_id=conn_id,
        role=Role.OPERATOR,
        scopes=scopes,
        client=client,
        device_id=device_id,
        profile_id="owner",
        caps=caps,
        remote_ip="127.0.0.1",
        auth_method="token",
    )


class TestHouse:
    """One life of chat over a folder; open a second one to see what a restart finds."""

    __test__ = False

    def __init__(self, room: ChatRoom, parts: Parts, watcher: Watcher, agents: ScriptedAgents) -> None:
        self.room = room
        self.parts = parts
        self.watcher = watcher
        self.agents = agents
        self.second_answers: list[AgentAnswer | FinalFailure] = []
        self.recovered: Recovered | None = None
        self.crashed = False
        self._router = Router()
        for api in (room.chat_api, room.agent_api, room.history_api, TasksApi(parts.ledger)):
            self._router.add(api)

    def ctx(self, who: Principal | None = None) -> Ctx:
        """A request of `who`."""
        return Ctx(
            principal=who or self.watcher.principal,
            request_id="r1",
            trace_id="0af7651916cd43dd8448eb211c80319c",
            received_ms=self.parts.clock.now_ms(),
            answer_again=self.second_answers.append,
        )

    async def call(self, call: Call[R], who: Principal | None = None) -> R:
        """What the handler of a method answers."""
        ctx = self.ctx(who)
        handler = self._router.find(call.wire_name, ctx.principal.role, ctx.principal.scopes)
        result = handler.function(ctx, call)
        return cast("R", await result if handler.is_async else result)

    async def send(self, text: str, key: str, *, who: Principal | None = None, **more: Any) -> SendAck:
        """`chat.send` to the main session with idempotency key `key`."""
        fields: Json = {"session_key": "main", **more}
        return await self.call(ChatSend(message=text, idempotency_key=key, **fields), who)

    async def view(self, key: str = "main") -> HistoryView:
        """`chat.history`."""
        view = await self.call(ChatHistory(session_key=key))
        assert isinstance(view, HistoryView)
        return view

    async def said(self, key: str = "main") -> list[tuple[str, str]]:
        """Role and text of everything in a transcript."""
        messages = [json.loads(bytes(message)) for message in (await self.view(key)).messages]
        return [(message["role"], text_of(message)) for message in messages]

    async def crash(self) -> None:
        """End like a killed process: nothing more is written or told."""
        self.room.chat._closing = True  # pyright: ignore[reportPrivateUsage] - a dead process begins nothing
        await self.parts.tasks.close(2)
        self.crashed = True


def text_of(message: Json) -> str:
    """The words of a stored message."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", f"<{block['type']}>") for block in content)


@asynccontextmanager
async def databases(folder: Path) -> AsyncGenerator[tuple[Database, Database]]:
    """`state.db` and `transcripts.db`."""
    migrations = [m for name in FEATURES for m in load_migrations(name, f"gateway.{name}")]
    rpc = load_migrations("kernel", "gateway.kernel.rpc")
    state = await Database.open(folder / "state.db", [*rpc, *migrations])
    said = await Database.open(
        folder / "transcripts.db", load_migrations("transcripts", "gateway.transcripts")
    )
    try:
        yield state, said
    finally:
        await state.close()
        await said.close()


async def neighbours(folder: Path, db: Database, said: Database, agents: ScriptedAgents) -> dict[str, Any]:
    """What chat is built on, by the name of its part."""
    clock, tasks, hub = SystemClock(), Supervisor(), Hub("boot")
    index = SessionIndex(db, clock, str(folder))
    transcripts, announcer = Transcripts(said, clock, TranscriptSettings), Announcer(hub, index, clock)
    routing = Routing(db, clock)
    await routing.load()
    return {
        "db": db,
        "clock": clock,
        "tasks": tasks,
        "hub": hub,
        "publisher": hub,
        "agents": agents,
        "routing": routing,
        "inbox": Inbox(db),
        "index": index,
        "sessions": Sessions(db, clock, index, transcripts, announcer),
        "announcer": announcer,
        "transcripts": transcripts,
        "ledger": TaskLedger(db, hub, clock),
        "blobs": BlobStore(folder / "blobs"),
    }


@asynccontextmanager
async def opened(
    folder: Path, agents: ScriptedAgents | None = None, settings: ChatSettings | None = None
) -> AsyncGenerator[TestHouse]:
    """Open chat over `folder`, take up what was left there, and close it in order."""
    agents, chosen = agents or ScriptedAgents(), settings or ChatSettings()
    async with databases(folder) as (db, said):
        parts = Parts(
            **await neighbours(folder, db, said, agents),
            models=lambda _agent_id: [],
            settings=lambda: chosen,
        )
        room = assemble(parts)
        attach(parts, room)
        watcher = Watcher(principal())
        parts.hub.join(watcher)
        parts.hub.subscribe("c1", SESSIONS_TOPIC)
        house = TestHouse(room, parts, watcher, agents)
        house.recovered = await room.book.recover()
        await room.outbox.load()
        await room.chat.resume(house.recovered)
        try:
            yield house
        finally:
            if not house.crashed:
                await room.chat.close()
            await parts.tasks.close(2)
