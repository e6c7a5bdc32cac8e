"""`chat.send`, `chat.abort`, `chat.inject` and their `sessions.*` relatives over RPC."""

from typing import Final

import msgspec

from gateway.chat.answers import ack_status
from gateway.chat.intake import Incoming, Intake
from gateway.chat.outbox import TranscriptOutbox
from gateway.chat.runbook import RunBook
from gateway.chat.service import Chat
from gateway.chat.sources import from_chat, uploads_of
from gateway.chat.timing import SendTiming
from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.ports import StartedRun
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.sessions.announce import Announcer
from gateway.sessions.keys import DEFAULT_AGENT, SessionKey
from gateway.sessions.service import SessionIndex
from gateway.transcripts.service import Transcripts
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.events.chat import ChatEvent, ChatMessage
from protocol.ids import new_id
from protocol.method import UNSET
from protocol.methods.chat import (
    AbortResult,
    ChatAbort,
    ChatInject,
    ChatSend,
    Injected,
    SessionAbortResult,
    SessionsAbort,
    SessionsSend,
    SessionsSteer,
)
from protocol.nouns.message import TextBlock
from protocol.nouns.run import QueueMode, SendAck, ServerTiming

TIMED_MODES: Final = frozenset({"ui", "webchat"})
"""Clients that show where the time of a message goes; the ACP bridge got no `chat.send_timing` either."""


class ChatApi:
    """Sends, stops and injects messages."""

    def __init__(
        self,
        *,
        chat: Chat,
        intake: Intake,
        book: RunBook,
        outbox: TranscriptOutbox,
        sessions: SessionIndex,
        transcripts: Transcripts,
        announcer: Announcer,
        hub: Hub,
        clock: Clock,
    ) -> None:
        self._chat = chat
        self._intake = intake
        self._book = book
        self._outbox = outbox
        self._sessions = sessions
        self._transcripts = transcripts
        self._announcer = announcer
        self._hub = hub
        self._clock = clock

    @handles(ChatSend)
    async def send(self, ctx: Ctx, call: ChatSend) -> SendAck:
        """Accept a message and acknowledge it; its turn begins right after."""
        await self._check_leaf(call)
        return await self._accept(ctx, from_chat(ctx, call))

    @handles(ChatAbort)
    async def abort(self, _ctx: Ctx, call: ChatAbort) -> AbortResult:
        """Stop runs."""
        key = self._sessions.resolve(call.session_key, call.agent_id)
        stopped = await self._chat.abort(key, call.run_id, "rpc")
        return AbortResult(ok=True, aborted=bool(stopped), run_ids=stopped)

    @handles(ChatInject)
    async def inject(self, _ctx: Ctx, call: ChatInject) -> Injected:
        """Put words into the agent's mouth."""
        key = self._sessions.resolve(call.session_key, call.agent_id)
        session = await self._sessions.get(key)
        if session is None:
            raise NotFound(f"sessionKey: there is no session {key}", {"field": "sessionKey"})
        await self._outbox.flush(key)
        stored = await self._transcripts.inject(session.session_id, call.message, label=call.label)
        await self._announcer.message(key, stored.id, stored.seq, stored.message)
        message = ChatMessage(
            role="assistant",
            content=[TextBlock(type="text", text=call.message)],
            timestamp=stored.recorded_ms,
        )
        self._hub.publish(
            ChatEvent(
                run_id=f"inject-{stored.id}",
                session_key=key,
                agent_id=session.agent_id or DEFAULT_AGENT,
                seq=0,
                state="final",
                message=message,
            )
        )
        return Injected(ok=True, message_id=stored.id)

    @handles(SessionsSend)
    async def send_to_session(self, ctx: Ctx, call: SessionsSend) -> SendAck:
        """`chat.send` into a session that exists."""
        return await self._accept(ctx, await self._into_session(ctx, call, None))

    @handles(SessionsSteer)
    async def steer(self, ctx: Ctx, call: SessionsSteer) -> SendAck:
        """`chat.send` that ends what is being answered."""
        return await self._accept(ctx, await self._into_session(ctx, call, "interrupt"))

    @handles(SessionsAbort)
    async def abort_session(self, _ctx: Ctx, call: SessionsAbort) -> SessionAbortResult:
        """Stop a session's work, or one run wherever it is."""
        key = await self._session_of(call)
        stopped = []
        if key is not None:
            stopped = await self._chat.abort(key, call.run_id, "rpc", queued=call.clear_queued)
        return SessionAbortResult(
            ok=True,
            aborted_run_id=stopped[0] if stopped else None,
            status="aborted" if stopped else "no-active-run",
        )

    async def start(
        self,
        ctx: Ctx,
        session_key: str,
        message: str,
        attachments: list[msgspec.Raw],
        idempotency_key: str | None,
    ) -> StartedRun:
        """The first message of `sessions.create`, as `FirstMessage` promises.

        Raises:
            GatewayError: when it was not accepted.
        """
        call = ChatSend(
            session_key=session_key,
            message=message,
            idempotency_key=idempotency_key or new_id(),
            attachments=uploads_of(attachments),
        )
        ack = await self._accept(ctx, from_chat(ctx, call, method="sessions.create"))
        return StartedRun(run_id=ack.run_id, status=ack.status, message_seq=ack.message_seq)

    async def _accept(self, ctx: Ctx, incoming: Incoming) -> SendAck:
        received = await self._intake.receive(incoming, self._chat)
        if received.message is None:
            return await self._repeated(received.run_id)
        spent_ms = max(0.0, float(self._clock.now_ms() - ctx.received_ms))
        now_s = self._clock.monotonic_s()
        timing = SendTiming(
            received.message.run,
            lambda event: self._hub.send(ctx.conn_id, event),
            self._clock,
            received_s=now_s - spent_ms / 1000,
            acked_s=now_s,
        )
        shows_timing = ctx.principal.client.mode in TIMED_MODES
        interrupts = self._chat.submit(received.message, timing if shows_timing else None)
        return SendAck(
            run_id=received.run_id,
            status="started",
            interrupted_active_run=True if interrupts else None,
            server_timing=ServerTiming(received_to_ack_ms=spent_ms),
        )

    async def _repeated(self, run_id: str) -> SendAck:
        run = await self._book.get(run_id)
        if run is None:
            raise NotFound(f"idempotencyKey: the run {run_id} was forgotten; use a fresh key")
        summary = None if run.outcome is None else run.outcome.status
        return SendAck(run_id=run_id, status=ack_status(run), summary=summary)

    async def _into_session(
        self, ctx: Ctx, call: SessionsSend | SessionsSteer, mode: QueueMode | None
    ) -> Incoming:
        key = self._sessions.resolve(call.key, call.agent_id)
        if await self._sessions.get(key) is None:
            raise NotFound(f"key: there is no session {key}; create it first", {"field": "key"})
        send = ChatSend(
            session_key=key,
            message=call.message,
            idempotency_key=call.idempotency_key or new_id(),
            thinking=call.thinking,
            queue_mode=mode,
            attachments=call.attachments,
            timeout_ms=call.timeout_ms,
        )
        return from_chat(ctx, send, method=call.wire_name)

    async def _session_of(self, call: SessionsAbort) -> SessionKey | None:
        if call.key is not None:
            return self._sessions.resolve(call.key, call.agent_id)
        if call.run_id is None:
            raise InvalidRequest("key: name a session or a runId", {"field": "key"})
        run = await self._book.get(call.run_id)
        return None if run is None else run.session_key

    async def _check_leaf(self, call: ChatSend) -> None:
        """Refuse a message written below another branch of the conversation than the present one."""
        expected = call.expected_leaf_entry_id
        if expected is UNSET or call.queue_mode == "steer":
            return
        key = self._sessions.resolve(call.session_key, call.agent_id)
        session = await self._sessions.get(key)
        await self._outbox.flush(key)
        leaf = None if session is None else await self._transcripts.leaf(session.session_id)
        if leaf != expected:
            text = "expectedLeafEntryId: the conversation went on elsewhere; read it again first"
            raise Conflict(text, {"field": "expectedLeafEntryId", "reason": "active-leaf-changed"})
