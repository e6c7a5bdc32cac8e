"""Telling subscribers that a session changed or something was said in it."""

from typing import Final, Literal

from gateway.kernel.net.hub import Hub
from gateway.sessions.keys import SessionKey
from gateway.sessions.model import Session
from gateway.sessions.service import SessionIndex
from protocol.errors import JsonValue
from protocol.nouns.message import TranscriptMessage

SESSIONS_TOPIC: Final = "sessions"
"""Connections that called `sessions.subscribe`: every `sessions.changed` and `session.message`."""

ChangeReason = Literal[
    "create",
    "send",
    "steer",
    "patch",
    "reset",
    "delete",
    "archive",
    "compact",
    "participants",
    "groups",
    "agent.run.started",
    "agent.input.settled",
    "run-capacity",
    "chat.title",
    "new",
    "switch",
    "rewind",
    "fork",
]


def messages_topic(key: SessionKey) -> str:
    """Connections that called `sessions.messages.subscribe` for one session."""
    return f"session:{key}"


class Announcer:
    """Publishes `sessions.changed`, `session.message` and `session.tool`; call it after the commit."""

    def __init__(self, hub: Hub, index: SessionIndex) -> None:
        self._hub = hub
        self._index = index

    async def changed(self, key: SessionKey, reason: ChangeReason) -> None:
        """Publish `sessions.changed` with the session's present row, to `sessions.subscribe`."""
        raise NotImplementedError

    async def deleted(self, session: Session) -> None:
        """Publish `sessions.changed` with reason `delete` and no row."""
        raise NotImplementedError

    async def message(
        self,
        key: SessionKey,
        message_id: str,
        seq: int,
        message: TranscriptMessage,
        *,
        by_owner: bool = False,
    ) -> None:
        """Publish `session.message`, to subscribers of all sessions and of this one."""
        raise NotImplementedError

    async def tool(self, key: SessionKey, run_id: str, seq: int, data: dict[str, JsonValue]) -> None:
        """Publish `session.tool`, to this session's message subscribers with the capability `tool-events`.

        `data` is `{phase: "start", name, toolCallId, args}`, `{phase: "update", …, partialResult}` or
        `{phase: "result", …, result, isError}`; `seq` counts within the run.
        """
        raise NotImplementedError
