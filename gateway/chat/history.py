"""Reading a conversation back: what was said, what waits, what is being said."""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.chat.commands import COMMANDS
from gateway.chat.lanes import Waiting
from gateway.chat.messages import user_entry
from gateway.chat.outbox import TranscriptOutbox
from gateway.chat.service import Chat
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.sessions.announce import Announcer
from gateway.sessions.keys import SessionKey, agent_of
from gateway.sessions.model import Session
from gateway.sessions.service import SessionIndex
from gateway.transcripts.service import Transcripts
from protocol.methods.chat import (
    ChatHistory,
    ChatMessageGet,
    ChatMetadata,
    ChatMetadataResult,
    ChatStartup,
    FoundMessage,
    HistoryDelta,
    HistoryQuery,
    HistoryView,
)
from protocol.nouns.model import ModelChoice
from protocol.nouns.run import InFlightRun, PendingInput, PendingInputs

SHOWN_PENDING: Final = 20
"""Waiting messages in one answer. Source: schema of `pendingInputs`, at most 20 items."""

MAX_HISTORY_BYTES: Final = 1024 * 1024
"""One answer, when the client names no size: enough for 200 ordinary messages."""

MAX_MESSAGE_CHARS: Final = 500_000
"""Longest text of one whole message, when the client names no size."""

Models = Callable[[str | None], list[ModelChoice]]
"""The models an agent can use, as `models.list` shows them."""


class HistoryApi:
    """`chat.history`, `chat.startup`, `chat.metadata` and `chat.message.get`."""

    def __init__(
        self,
        *,
        chat: Chat,
        outbox: TranscriptOutbox,
        sessions: SessionIndex,
        transcripts: Transcripts,
        announcer: Announcer,
        models: Models,
    ) -> None:
        self._chat = chat
        self._outbox = outbox
        self._sessions = sessions
        self._transcripts = transcripts
        self._announcer = announcer
        self._models = models

    @handles(ChatHistory)
    async def history(self, _ctx: Ctx, call: ChatHistory) -> HistoryView | HistoryDelta:
        """The end of a conversation, or what came since a cursor."""
        return await self._read(call)

    @handles(ChatStartup)
    async def startup(self, _ctx: Ctx, call: ChatStartup) -> HistoryView | HistoryDelta:
        """The same, with what a chat page offers."""
        view = await self._read(call)
        if isinstance(view, HistoryDelta) and view.kind == "reset":
            return view
        view.metadata = self._metadata(self._sessions.resolve(call.session_key, call.agent_id))
        return view

    @handles(ChatMetadata)
    def metadata(self, _ctx: Ctx, call: ChatMetadata) -> ChatMetadataResult:
        """What a chat page offers."""
        return self._metadata(self._sessions.resolve(call.session_key, call.agent_id))

    @handles(ChatMessageGet)
    async def message(self, _ctx: Ctx, call: ChatMessageGet) -> FoundMessage:
        """One message, whole."""
        key = self._sessions.resolve(call.session_key, call.agent_id)
        session = await self._sessions.get(key)
        await self._outbox.flush(key)
        stored = None
        if session is not None:
            stored = await self._transcripts.message(session.session_id, call.message_id)
        if stored is None:
            return FoundMessage(ok=False, unavailable_reason="not_found")
        if len(bytes(stored.message)) > (call.max_chars or MAX_MESSAGE_CHARS):
            return FoundMessage(ok=False, unavailable_reason="oversized")
        return FoundMessage(ok=True, message=stored.message)

    async def _read(self, call: HistoryQuery) -> HistoryView | HistoryDelta:
        key = self._sessions.resolve(call.session_key, call.agent_id)
        # What was acknowledged a moment ago must be in what is read now.
        await self._outbox.flush(key)
        session = await self._sessions.get(key)
        if call.cursor is not None:
            return await self._delta(key, session, call.cursor)
        return await self._view(key, session, call)

    async def _view(self, key: SessionKey, session: Session | None, call: HistoryQuery) -> HistoryView:
        page = await self._transcripts.history(
            "" if session is None else session.session_id,
            limit=call.limit,
            max_bytes=call.max_bytes or MAX_HISTORY_BYTES,
            offset=call.offset,
            message_id=call.message_id,
            max_chars=call.max_chars,
        )
        row = await self._sessions.row_or_blank(key)
        row.active_leaf_entry_id = page.leaf_id
        receipts = None
        if session is not None and call.input_run_ids:
            receipts = await self._receipts(session.session_id, call.input_run_ids)
        return HistoryView(
            session_key=key,
            session_id=None if session is None else session.session_id,
            messages=page.messages,
            pending_inputs=self._pending(key),
            has_more=page.has_more,
            next_offset=page.next_offset,
            total_messages=page.total,
            delta_cursor=page.delta_cursor,
            defaults=self._sessions.defaults(agent_of(key)),
            session_info=row,
            in_flight_run=self._in_flight(key),
            thinking_level=row.thinking_level or row.thinking_default,
            verbose_level=row.verbose_level,
            input_receipts=receipts,
            input_consumptions=None if receipts is None else _consumptions(receipts),
        )

    async def _delta(self, key: SessionKey, session: Session | None, cursor: str) -> HistoryDelta:
        delta = None if session is None else await self._transcripts.delta(session.session_id, cursor)
        if delta is None:
            return HistoryDelta(kind="reset")
        row = await self._sessions.row_or_blank(key)
        row.active_leaf_entry_id = delta.leaf_id
        payloads = (
            self._announcer.message_payload(key, stored.id, stored.seq, stored.message, row)
            for stored in delta.messages
        )
        return HistoryDelta(
            kind="delta",
            messages=[msgspec.Raw(msgspec.json.encode(payload)) for payload in payloads],
            delta_cursor=delta.cursor,
            pending_inputs=self._pending(key),
            session_info=row,
            in_flight_run=self._in_flight(key),
        )

    async def _receipts(self, session_id: str, run_ids: list[str]) -> list[dict[str, str]]:
        """For each run a client asks about: whether its message is in the transcript, and as which entry."""
        receipts: list[dict[str, str]] = []
        for run_id in dict.fromkeys(run_ids):
            stored = await self._transcripts.find(session_id, f"{run_id}:user")
            if stored is None:
                receipts.append({"runId": run_id, "state": "pending"})
            else:
                receipts.append({"runId": run_id, "state": "consumed", "consumedByEventId": stored.id})
        return receipts

    def _pending(self, key: SessionKey) -> PendingInputs:
        waiting = self._chat.waiting(key)
        return PendingInputs(
            items=[_pending(message) for message in waiting[:SHOWN_PENDING]], total=len(waiting)
        )

    def _in_flight(self, key: SessionKey) -> InFlightRun | None:
        live = self._chat.live(key)
        return None if live is None else InFlightRun(run_id=live.run.run_id, text=live.stream.answer.text)

    def _metadata(self, key: SessionKey) -> ChatMetadataResult:
        return ChatMetadataResult(
            models=self._models(agent_of(key)),
            commands=[spec.wire() for spec in COMMANDS],
            runtime_selection_locked=False,
            account_selection={"kind": "automatic", "label": "Automatic account selection"},
        )


def _pending(message: Waiting) -> PendingInput:
    run = message.run
    entry = user_entry(run, message.text, message.attachments, message.received_ms)
    return PendingInput(
        id=f"pending:{run.run_id}",
        run_id=run.run_id,
        message=msgspec.Raw(msgspec.json.encode(entry.message)),
        accepted_at=run.accepted_ms,
        state="queued",
    )


def _consumptions(receipts: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        {"runId": receipt["runId"], "consumedByEventId": receipt["consumedByEventId"]}
        for receipt in receipts
        if receipt["state"] == "consumed"
    ]
