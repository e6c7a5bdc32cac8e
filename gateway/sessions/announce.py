"""Telling subscribers that a session changed or something was said in it."""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.rpc.context import Principal
from gateway.sessions.keys import SessionKey, agent_of
from gateway.sessions.model import Session
from gateway.sessions.service import SessionIndex
from protocol.errors import JsonValue
from protocol.events.sessions import RunPhase, SessionFacts, SessionMessage, SessionsChanged, SessionTool
from protocol.nouns.message import TranscriptMessage
from protocol.nouns.session import SessionRow

E = TypeVar("E", bound=SessionFacts)

SESSIONS_TOPIC: Final = "sessions"
"""Connections that called `sessions.subscribe`: every `sessions.changed` and `session.message`."""

ChangeReason = Literal[
    "create",
    "send",
    "steer",
    "patch",
    "reset",
    "new",
    "delete",
    "compact",
    "participants",
    "groups",
    "agent.run.started",
    "agent.input.settled",
    "run-capacity",
    "chat.title",
    "rewind",
    "branch-switch",
]

_ROW_FIELDS: Final = frozenset(SessionRow.__struct_fields__)

_SHARED: Final = tuple(name for name in SessionFacts.__struct_fields__ if name in _ROW_FIELDS)
"""Fields of an event that repeat a field of the row; `null` where the event's own type allows it."""

_CLEARED: Final = frozenset(
    field.name
    for field in msgspec.structs.fields(SessionFacts)
    if field.default is msgspec.UNSET and field.name in _ROW_FIELDS
)
"""Those that say `null` when the row has nothing, because older clients keep what an event leaves out."""


def messages_topic(key: SessionKey) -> str:
    """Connections that called `sessions.messages.subscribe` for one session."""
    return f"session:{key}"


class Announcer:
    """Publishes `sessions.changed`, `session.message` and `session.tool`; call it after the commit."""

    def __init__(self, hub: Hub, index: SessionIndex, clock: Clock) -> None:
        self._hub = hub
        self._index = index
        self._clock = clock

    async def changed(
        self,
        key: SessionKey,
        reason: ChangeReason,
        *,
        phase: RunPhase | None = None,
        run_id: str | None = None,
        catalog_changed: bool | None = None,
    ) -> None:
        """Publish `sessions.changed` with the session's present row, to `sessions.subscribe`.

        `phase` and `run_id` say that a run of the session began or is stored as ended.
        """
        if not self._hub.wanted(SESSIONS_TOPIC):
            return
        row = await self._index.row(key)
        event = SessionsChanged(
            session_key=key,
            reason=reason,
            phase=phase,
            run_id=run_id,
            ts=self._clock.now_ms(),
            catalog_changed=catalog_changed,
        )
        self._hub.publish(_with_row(event, row), topic=SESSIONS_TOPIC)

    def heard(self, key: SessionKey) -> bool:
        """Whether anybody is told about messages of this session."""
        return self._hub.wanted(SESSIONS_TOPIC) or self._hub.wanted(messages_topic(key))

    def deleted(self, session: Session) -> None:
        """Publish `sessions.changed` with reason `delete` and no row."""
        event = SessionsChanged(
            session_key=session.key,
            session_id=session.session_id,
            agent_id=session.agent_id,
            reason="delete",
            ts=self._clock.now_ms(),
        )
        self._hub.publish(event, topic=SESSIONS_TOPIC)

    def many_changed(self, reason: ChangeReason) -> None:
        """Publish `sessions.changed` without naming a session: clients read their lists again."""
        self._hub.publish(SessionsChanged(reason=reason, ts=self._clock.now_ms()), topic=SESSIONS_TOPIC)

    async def message(
        self,
        key: SessionKey,
        message_id: str,
        seq: int,
        message: TranscriptMessage,
        *,
        by_owner: bool = False,
    ) -> None:
        """Publish `session.message`, once to each subscriber of all sessions or of this one."""
        if not (self._hub.wanted(SESSIONS_TOPIC) or self._hub.wanted(messages_topic(key))):
            return
        row = await self._index.row(key)
        event = self.message_payload(key, message_id, seq, message, row, by_owner=by_owner)
        self._hub.publish(event, to=self._listens_to(key))

    def message_payload(
        self,
        key: SessionKey,
        message_id: str,
        seq: int,
        message: TranscriptMessage,
        row: SessionRow | None,
        *,
        by_owner: bool = False,
    ) -> SessionMessage:
        """A `session.message`; the messages of a `chat.history` delta have the same shape."""
        event = SessionMessage(
            session_key=key,
            message=message,
            message_id=message_id,
            message_seq=seq,
            sender_is_owner=True if by_owner else None,
        )
        return _with_row(event, row)

    async def tool(self, key: SessionKey, run_id: str, seq: int, data: dict[str, JsonValue]) -> None:
        """Publish `session.tool` to subscribers of this session that have the capability `tool-events`.

        `data` as in `SessionTool`; `seq` counts within the run.
        """
        if not self._hub.wanted(messages_topic(key)):
            return
        event = SessionTool(
            run_id=run_id,
            stream="tool",
            data=data,
            session_key=key,
            agent_id=agent_of(key),
            seq=seq,
            ts=self._clock.now_ms(),
            is_heartbeat=False,
            session=await self._index.row(key) if data.get("phase") != "start" else None,
        )
        self._hub.publish(event, topic=messages_topic(key))

    def _listens_to(self, key: SessionKey) -> Callable[[Principal], bool]:
        topics = frozenset({SESSIONS_TOPIC, messages_topic(key)})
        return lambda principal: not topics.isdisjoint(self._hub.topics(principal.conn_id))


def _with_row(event: E, row: SessionRow | None) -> E:
    if row is None:
        return event
    event.session = row
    for name in _SHARED:
        value: Any = getattr(row, name)
        if value is not None or name in _CLEARED:
            setattr(event, name, value)
    event.participants = row.participants or []
    event.participant_count = row.participant_count or 0
    return event
