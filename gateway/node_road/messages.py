"""Spoken sentences and canvas actions: on disk before the node hears "ok", answered like any message."""

import logging
from collections import OrderedDict
from typing import Final

import msgspec

from gateway.chat.intake import Incoming, Intake, Received
from gateway.chat.model import RunRequest, Sender
from gateway.chat.service import Chat
from gateway.chat.sources import sender_of, uploads_of
from gateway.kernel.clock import Clock
from gateway.kernel.log import printable
from gateway.kernel.rpc.context import Ctx
from gateway.node_road.pace import Pace
from gateway.node_road.payloads import AgentRequest, Transcript
from gateway.nodes.events import NodeEvents, taken
from gateway.nodes.model import LiveNode
from gateway.sessions.model import Seed
from protocol.errors import InvalidRequest
from protocol.ids import new_id
from protocol.limits import MAX_ID_CHARS
from protocol.methods.chat import AttachmentUpload
from protocol.methods.node_reports import NodeEventTaken
from protocol.scopes import Scope

VOICE: Final = "voice.transcript"
REQUEST: Final = "agent.request"

CANVAS_PREFIX: Final = "CANVAS_A2UI "
"""How nodes begin the message of an action on a canvas. Source: OpenClaw's nodes."""

SAME_TEXT_MS: Final = 1500
"""Equal sentences without an id within this time are one, also when two devices heard it. Source: OpenClaw.
"""

MAX_HEARD: Final = 256
"""Sessions whose last sentence is remembered."""

RIGHTS: Final = (Scope.READ, Scope.WRITE)
"""A paired device speaks for its owner, and decides nothing: no approvals, no administration."""

logger = logging.getLogger(__name__)


class _Heard(msgspec.Struct, frozen=True):
    """The last sentence of a session, and as what it was kept."""

    text: str
    at_ms: int
    origin: str
    external_id: str


class NodeMessages:
    """Lets agents answer what nodes hear and what people do on them."""

    def __init__(self, intake: Intake, chat: Chat, clock: Clock, pace: Pace) -> None:
        self._intake = intake
        self._chat = chat
        self._clock = clock
        self._pace = pace
        self._heard: OrderedDict[str, _Heard] = OrderedDict()

    def register(self, events: NodeEvents) -> None:
        """Take these events."""
        events.on(VOICE, Transcript, self._spoken)
        events.on(REQUEST, AgentRequest, self._requested)

    async def _spoken(self, ctx: Ctx, live: LiveNode, call: Transcript) -> NodeEventTaken:
        text = _said(call.text, f"{VOICE} payload", "text")
        self._pace.check(live)
        known_as = _repeat_key(call)
        incoming = Incoming(
            kind="channel",
            origin=f"{VOICE}/{live.node_id}",
            external_id=known_as or new_id(),
            run_id=new_id(),
            text=text,
            request=RunRequest(sender=_sender(live), trace_id=ctx.trace_id, thinking="low"),
            seed=Seed(created_via="run"),
            channel="voice",
            account=live.node_id,
            sender=live.node_id,
            sender_name=live.facts.display_name,
            session_key=_blank_to_none(call.session_key),
        )
        if known_as is None:
            incoming = self._as_heard_before(incoming)
        return _answer(VOICE, await self._accept(incoming))

    async def _requested(self, ctx: Ctx, live: LiveNode, call: AgentRequest) -> NodeEventTaken:
        uploads = _images(call)
        text = call.message.strip() if uploads else _said(call.message, f"{REQUEST} payload", "message")
        self._pace.check(live)
        key = _blank_to_none(call.key)
        timeout_s = call.timeout_seconds or None
        incoming = Incoming(
            kind="channel",
            origin=f"{REQUEST}/{live.node_id}",
            external_id=key or new_id(),
            run_id=new_id(),
            text=text,
            request=RunRequest(
                sender=_sender(live),
                trace_id=ctx.trace_id,
                request_id=printable(ctx.request_id, MAX_ID_CHARS),
                thinking=_blank_to_none(call.thinking),
                timeout_s=timeout_s,
            ),
            seed=Seed(created_via="run"),
            channel="canvas" if key is not None or text.startswith(CANVAS_PREFIX) else "node",
            account=live.node_id,
            sender=live.node_id,
            sender_name=live.facts.display_name,
            session_key=_blank_to_none(call.session_key) or f"node-{live.node_id}",
            uploads=uploads,
        )
        received = await self._accept(incoming)
        if call.deliver or call.receipt:
            # The answer stays in the session, where every client reads it.
            logger.info("node %s asked to deliver an answer elsewhere; it stays in its session", live.node_id)
            return _answer(REQUEST, received, undelivered=True)
        return _answer(REQUEST, received)

    async def _accept(self, incoming: Incoming) -> Received:
        received = await self._intake.receive(incoming, self._chat)
        if received.message is not None:
            self._chat.submit(received.message)
        return received

    def _as_heard_before(self, incoming: Incoming) -> Incoming:
        """The message under the id of its equal a moment ago, so that the inbox sees a repeat."""
        session_key = self._intake.session_of(incoming)
        now_ms = self._clock.now_ms()
        last = self._heard.get(session_key)
        if last is not None and last.text == incoming.text and 0 <= now_ms - last.at_ms <= SAME_TEXT_MS:
            return msgspec.structs.replace(incoming, origin=last.origin, external_id=last.external_id)
        self._heard[session_key] = _Heard(incoming.text, now_ms, incoming.origin, incoming.external_id)
        self._heard.move_to_end(session_key)
        if len(self._heard) > MAX_HEARD:
            self._heard.popitem(last=False)
        return incoming


def _answer(event: str, received: Received, *, undelivered: bool = False) -> NodeEventTaken:
    reason = "accepted" if received.message is not None else "duplicate"
    answer = taken(event, reason="delivery_unavailable" if undelivered else reason)
    return msgspec.structs.replace(answer, run_id=received.run_id, session_key=received.session_key)


def _sender(live: LiveNode) -> Sender:
    return msgspec.structs.replace(sender_of(live.principal), scopes=RIGHTS)


def _said(text: str, subject: str, field: str) -> str:
    said = text.strip()
    if not said:
        raise InvalidRequest(f"invalid {subject}: at /{field}: must not be blank", {"field": f"/{field}"})
    return said


def _images(call: AgentRequest) -> tuple[AttachmentUpload, ...]:
    uploads = uploads_of(call.attachments or [])
    for index, upload in enumerate(uploads):
        kind = upload.mime_type or upload.content[:32].removeprefix("data:")
        if not kind.lower().startswith("image/"):
            field = f"attachments/{index}/mimeType"
            raise InvalidRequest(f"{field}: a node sends images only", {"field": field})
    return uploads


def _repeat_key(call: Transcript) -> str | None:
    """What a repeat of this sentence would carry too; None when the node gives nothing of the kind."""
    for name in (call.event_id, call.provider_event_id, call.transcript_id):
        if (named := _blank_to_none(name)) is not None:
            return f"event:{named}"
    call_id = _blank_to_none(call.provider_call_id) or _blank_to_none(call.call_id)
    number = call.sequence if call.sequence is not None else call.seq
    return None if call_id is None or number is None else f"call:{call_id}:{number}"


def _blank_to_none(text: str | None) -> str | None:
    return (text or "").strip() or None
