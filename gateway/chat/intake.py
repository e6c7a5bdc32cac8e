"""The way in: check, route, put on disk. Only then is anybody told that a message was received."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from gateway.chat import store
from gateway.chat.attachments import keep
from gateway.chat.lanes import Waiting
from gateway.chat.limits import MAX_MESSAGE_CHARS
from gateway.chat.model import Run, RunKind, RunRequest
from gateway.inbox.model import Acceptance, InboxMessage, Placement
from gateway.inbox.service import Inbox
from gateway.kernel.clock import Clock
from gateway.kernel.store.blobs import BlobStore
from gateway.kernel.store.db import Tx
from gateway.routing.model import Arrival, Route
from gateway.routing.service import Routing
from gateway.sessions import store as sessions
from gateway.sessions.keys import SessionKey
from gateway.sessions.model import Seed
from gateway.tasks import store as tasks
from gateway.tasks.model import Task
from protocol.errors import Conflict, InvalidRequest
from protocol.methods.chat import AttachmentUpload
from protocol.nouns.run import QueueMode


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its source hands it in."""

    kind: RunKind
    origin: str
    """`<channel>/<account>`, or `<method>/<actor>` of an operator's call."""
    external_id: str
    run_id: str
    text: str
    request: RunRequest
    seed: Seed
    """What a session is born with when this is its first message."""
    channel: str = "webchat"
    account: str = ""
    sender: str = ""
    sender_name: str | None = None
    conversation: str = ""
    is_group: bool = False
    thread: str = ""
    session_key: str | None = None
    agent_id: str | None = None
    queue_mode: QueueMode | None = None
    uploads: tuple[AttachmentUpload, ...] = ()
    task_title: str | None = None
    """Present when the task ledger shows the run."""


class Received(msgspec.Struct, frozen=True):
    """A message that is on disk."""

    run_id: str
    session_key: SessionKey
    message: Waiting | None
    """What is to be answered now; None for a repeat."""
    task: Task | None = None


class Room(Protocol):
    """Knows how many messages wait."""

    def reserve(self, key: SessionKey, run_id: str) -> AbstractContextManager[None]:
        """Hold a place in a session's queue while its message is stored, inside the block.

        Raises:
            Overloaded: when too many wait already.
        """
        ...


class Intake:
    """Accepts messages of every source."""

    def __init__(
        self,
        inbox: Inbox,
        routing: Routing,
        blobs: BlobStore,
        clock: Clock,
        default_mode: Callable[[], QueueMode],
    ) -> None:
        self._inbox = inbox
        self._routing = routing
        self._blobs = blobs
        self._clock = clock
        self._default_mode = default_mode

    async def receive(self, incoming: Incoming, room: Room) -> Received:
        """Route a message and keep it. What is returned survives a crash.

        Raises:
            InvalidRequest: when it is empty, too long, or names a session or agent that cannot be.
            NotFound: when it names an agent that does not exist.
            Conflict: when its run id belongs to another sender's message, or its session is archived.
            Overloaded: when too many messages wait in the session; it was not kept.
            StoreUnavailable: when the disk failed; it was not kept.
        """
        _check(incoming)
        now_ms = self._clock.now_ms()
        route = self._routing.route(_arrival(incoming, now_ms))
        with room.reserve(SessionKey(route.session_key), incoming.run_id):
            message = _inbox_message(incoming, now_ms)
            if incoming.uploads:
                attachments = await keep(incoming.uploads, self._blobs)
                message = msgspec.structs.replace(message, attachments=attachments)
            placement = Placement(route.agent_id, route.session_key, route.rule_id, route.reason)
            effect = self._effect(incoming, route, now_ms)
            acceptance, made = await self._inbox.accept(message, placement, incoming.run_id, effect)
        key = SessionKey(acceptance.session_key)
        if made is None:
            return Received(acceptance.run_id, key, None)
        run, task = made
        waiting = Waiting(
            run=run, text=message.text, attachments=message.attachments, received_ms=message.received_ms
        )
        return Received(run.run_id, key, waiting, task)

    def session_of(self, incoming: Incoming) -> SessionKey:
        """The conversation a message would go to now.

        Raises:
            InvalidRequest: when it names a session or agent that cannot be.
            NotFound: when it names an agent that does not exist.
        """
        return SessionKey(self._routing.route(_arrival(incoming, self._clock.now_ms())).session_key)

    def _effect(
        self, incoming: Incoming, route: Route, now_ms: int
    ) -> Callable[[Tx, Acceptance], tuple[Run, Task | None]]:
        default_mode = self._default_mode()

        def effect(tx: Tx, acceptance: Acceptance) -> tuple[Run, Task | None]:
            session = sessions.ensure(tx, SessionKey(route.session_key), incoming.seed, now_ms)
            if session.archived_ms is not None:
                text = f"session {session.key} is archived; restore it first"
                raise Conflict(text, {"sessionKey": session.key, "reason": "session-archived"})
            run = Run(
                run_id=incoming.run_id,
                inbox_id=acceptance.inbox_id,
                kind=incoming.kind,
                session_key=session.key,
                session_id=session.session_id,
                agent_id=route.agent_id,
                status="accepted",
                queue_mode=incoming.queue_mode or session.overrides.queue_mode or default_mode,
                merged_into=None,
                request=incoming.request,
                accepted_ms=now_ms,
            )
            store.add(tx, run)
            sessions.accept_run(tx, session, run.run_id, now_ms, incoming.request.sender.identity)
            task = _task(incoming, run, now_ms)
            if task is not None:
                tasks.put(tx, task)
            return run, task

        return effect


def _check(incoming: Incoming) -> None:
    if not incoming.text.strip() and not incoming.uploads:
        raise InvalidRequest("message: write something or attach a file", {"field": "message"})
    if len(incoming.text) > MAX_MESSAGE_CHARS:
        text = f"message: longer than {MAX_MESSAGE_CHARS} characters; attach it as a file instead"
        raise InvalidRequest(text, {"field": "message", "maxChars": MAX_MESSAGE_CHARS})
    if "\x00" in incoming.text:
        raise InvalidRequest("message: must not contain NUL characters", {"field": "message"})


def _arrival(incoming: Incoming, now_ms: int) -> Arrival:
    return Arrival(
        channel=incoming.channel,
        account=incoming.account,
        sender=incoming.sender,
        thread=incoming.thread,
        text=incoming.text,
        at_ms=now_ms,
        conversation=incoming.conversation,
        is_group=incoming.is_group,
        session_key=incoming.session_key,
        agent_id=incoming.agent_id,
    )


def _inbox_message(incoming: Incoming, now_ms: int) -> InboxMessage:
    return InboxMessage(
        origin=incoming.origin,
        external_id=incoming.external_id,
        channel=incoming.channel,
        account=incoming.account,
        sender=incoming.sender or None,
        sender_name=incoming.sender_name,
        conversation=incoming.conversation or None,
        thread=incoming.thread or None,
        text=incoming.text,
        received_ms=now_ms,
    )


def _task(incoming: Incoming, run: Run, now_ms: int) -> Task | None:
    if incoming.task_title is None or incoming.request.task_id is None:
        return None
    return Task(
        id=incoming.request.task_id,
        run_id=run.run_id,
        kind="cli",
        status="queued",
        title=incoming.task_title,
        agent_id=run.agent_id,
        session_key=run.session_key,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
