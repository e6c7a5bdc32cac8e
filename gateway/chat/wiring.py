"""Puts chat together."""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.agents.catalog import ModelCatalog
from gateway.agents.model import AgentDirectory
from gateway.chat.activity import AuditedPublisher
from gateway.chat.agent_api import AgentApi
from gateway.chat.answers import Watchers
from gateway.chat.api import ChatApi
from gateway.chat.commands import Commands
from gateway.chat.history import HistoryApi, Models
from gateway.chat.intake import Intake
from gateway.chat.model import ChatSettings
from gateway.chat.outbox import SWEEP_INTERVAL_S, TranscriptOutbox
from gateway.chat.performer import Performer
from gateway.chat.runbook import RunBook
from gateway.chat.service import Chat
from gateway.chat.stream import Publisher
from gateway.chat.turn import TurnRunner
from gateway.inbox.service import Inbox
from gateway.kernel.clock import Clock
from gateway.kernel.feature import House
from gateway.kernel.net.hub import Hub
from gateway.kernel.ports import CommandTable
from gateway.kernel.store.blobs import BlobStore
from gateway.kernel.store.db import Database
from gateway.kernel.store.errors import StoreUnavailable
from gateway.kernel.supervisor import Supervisor
from gateway.routing.service import Routing
from gateway.sessions.announce import Announcer
from gateway.sessions.keys import SessionKey
from gateway.sessions.lifecycle import Sessions
from gateway.sessions.model import Seed
from gateway.sessions.service import SessionIndex
from gateway.tasks.model import Task
from gateway.tasks.service import TaskLedger
from gateway.transcripts.model import StoredMessage
from gateway.transcripts.service import Transcripts
from protocol.errors import NotFound
from protocol.nouns.model import ModelChoice

PRUNE_INTERVAL_S: Final = 3600.0
DAY_MS: Final = 24 * 3600 * 1000


class SessionVoice:
    """Announces stored messages, and begins sessions anew, for parts that know no more of sessions."""

    def __init__(self, announcer: Announcer, sessions: Sessions) -> None:
        self._announcer = announcer
        self._sessions = sessions

    async def stored(self, key: SessionKey, stored: StoredMessage) -> None:
        """Publish `session.message`."""
        await self._announcer.message(
            key, stored.id, stored.seq, stored.message, by_owner=stored.role == "user"
        )

    async def reset(self, key: SessionKey) -> object:
        """Begin a session anew under the same key."""
        return await self._sessions.reset(
            key, Seed(created_via="operator"), expected_session_id=None, is_new=True
        )


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What chat is built from; all of it lives in lower tiers."""

    db: Database
    clock: Clock
    tasks: Supervisor
    hub: Hub
    publisher: Publisher
    """The hub, for the events of runs."""
    agents: AgentDirectory
    routing: Routing
    inbox: Inbox
    index: SessionIndex
    sessions: Sessions
    announcer: Announcer
    transcripts: Transcripts
    ledger: TaskLedger
    blobs: BlobStore
    models: Models
    settings: Callable[[], ChatSettings]


class ChatRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Chat, put together."""

    chat: Chat
    book: RunBook
    outbox: TranscriptOutbox
    intake: Intake
    commands: Commands
    chat_api: ChatApi
    agent_api: AgentApi
    history_api: HistoryApi


def assemble(parts: Parts) -> ChatRoom:
    """Put chat together without starting anything."""
    voice = SessionVoice(parts.announcer, parts.sessions)
    outbox = TranscriptOutbox(parts.db, parts.transcripts, voice, parts.tasks)
    book, watchers = RunBook(parts.db, outbox, parts.clock), Watchers()
    commands = Commands(parts.db, voice)
    chat = Chat(
        book=book,
        performer=_performer(parts, book, outbox, watchers, commands),
        outbox=outbox,
        announcer=parts.announcer,
        publisher=parts.publisher,
        ledger=parts.ledger,
        watchers=watchers,
        tasks=parts.tasks,
        clock=parts.clock,
        settings=parts.settings,
    )
    commands.connect(chat)
    intake = Intake(parts.inbox, parts.routing, parts.blobs, parts.clock, lambda: parts.settings().queue_mode)
    return ChatRoom(
        chat=chat,
        book=book,
        outbox=outbox,
        intake=intake,
        commands=commands,
        chat_api=_chat_api(parts, chat, intake, book, outbox),
        agent_api=AgentApi(chat=chat, intake=intake, book=book, ledger=parts.ledger, watchers=watchers),
        history_api=HistoryApi(
            chat=chat,
            outbox=outbox,
            sessions=parts.index,
            transcripts=parts.transcripts,
            announcer=parts.announcer,
            models=parts.models,
        ),
    )


async def wire(house: House) -> None:
    """Build chat from what earlier features offer, and take up what an earlier life of the gateway left."""
    parts = Parts(
        db=house.database("state"),
        clock=house.clock,
        tasks=house.tasks,
        hub=house.hub,
        publisher=AuditedPublisher(house.hub, house.audit, house.bus),
        agents=house.need(AgentDirectory),
        routing=house.need(Routing),
        inbox=house.need(Inbox),
        index=house.need(SessionIndex),
        sessions=house.need(Sessions),
        announcer=house.need(Announcer),
        transcripts=house.need(Transcripts),
        ledger=house.need(TaskLedger),
        blobs=house.offer(BlobStore(house.home.blobs_dir)),
        models=lambda agent_id: _models(house, agent_id),
        settings=lambda: house.config.get(ChatSettings),
    )
    room = assemble(parts)
    attach(parts, room)
    for api in (room.chat_api, room.agent_api, room.history_api):
        house.rpc.add(api)
    house.offer(room.chat)
    house.offer(room.intake)
    house.offer(room.commands, CommandTable)
    await _live(house, room)


def attach(parts: Parts, room: ChatRoom) -> None:
    """Tell lower tiers about chat, where they need it."""
    parts.routing.connect(parts.agents)
    parts.index.attach_turns(room.chat_api, room.chat)
    parts.ledger.on_cancel("cli", lambda task: _cancel(room.chat, task))


async def _live(house: House, room: ChatRoom) -> None:
    recovered = await room.book.recover()
    await room.outbox.load()

    async def begin() -> None:
        await room.chat.resume(recovered)

    async def prune() -> None:
        kept_ms = house.config.get(ChatSettings).kept_days * DAY_MS
        while await room.book.prune(house.clock.now_ms() - kept_ms):
            await house.clock.sleep(0)

    async def sweep() -> None:
        try:
            for key in room.outbox.sessions:
                await room.outbox.flush(key)
            await room.outbox.sweep_now()
        except StoreUnavailable as error:
            house.health.report("chat", ok=False, detail=error.message)
        else:
            house.health.report("chat", ok=True)

    house.stack.push_async_callback(room.chat.close)
    house.after_start(begin)
    house.tasks.every("sweep the transcript outbox", SWEEP_INTERVAL_S, sweep)
    house.tasks.every("prune runs", PRUNE_INTERVAL_S, prune)


def _models(house: House, agent_id: str | None) -> list[ModelChoice]:
    agents = house.need(AgentDirectory)
    try:
        profile = agents.resolve(agent_id or agents.default_agent_id)
    except NotFound:
        return []  # a conversation outlives its agent
    return house.need(ModelCatalog).choices(profile)


async def _cancel(chat: Chat, task: Task) -> bool:
    if task.run_id is None or task.session_key is None:
        return False
    return bool(await chat.abort(SessionKey(task.session_key), task.run_id, "rpc"))


def _performer(
    parts: Parts, book: RunBook, outbox: TranscriptOutbox, watchers: Watchers, commands: Commands
) -> Performer:
    return Performer(
        book=book,
        agents=parts.agents,
        runner=TurnRunner(
            agents=parts.agents,
            outbox=outbox,
            announcer=parts.announcer,
            ledger=parts.ledger,
            tasks=parts.tasks,
            clock=parts.clock,
        ),
        outbox=outbox,
        transcripts=parts.transcripts,
        blobs=parts.blobs,
        commands=commands,
        announcer=parts.announcer,
        publisher=parts.publisher,
        ledger=parts.ledger,
        watchers=watchers,
        clock=parts.clock,
        settings=parts.settings,
    )


def _chat_api(parts: Parts, chat: Chat, intake: Intake, book: RunBook, outbox: TranscriptOutbox) -> ChatApi:
    return ChatApi(
        chat=chat,
        intake=intake,
        book=book,
        outbox=outbox,
        sessions=parts.index,
        transcripts=parts.transcripts,
        announcer=parts.announcer,
        hub=parts.hub,
        clock=parts.clock,
    )
