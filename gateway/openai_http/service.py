"""Conversations over HTTP: a request becomes a message on the one road, and its answer is streamed back."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from gateway.agents.model import AgentDirectory
from gateway.chat.intake import Incoming, Intake
from gateway.chat.model import Outcome, RunRequest
from gateway.chat.service import Chat
from gateway.chat.sources import seed_of, sender_of
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from gateway.kernel.supervisor import Supervisor
from gateway.openai_http.model import CompletionRequest
from gateway.sessions.keys import SessionKey
from protocol.errors import InvalidRequest, NotFound, Unavailable
from protocol.events.chat import ChatEvent
from protocol.frames import EncodedEvent
from protocol.ids import new_id

MODEL_PREFIXES: Final = ("homarus/", "openclaw/", "agent:")
"""What may stand before an agent's id in `model`; OpenClaw's own clients use its name."""

DEFAULT_MODELS: Final = frozenset({"homarus", "openclaw", "default"})

MAX_WAITING_DELTAS: Final = 1000
"""What a client that does not read may leave waiting; it gets the rest in one piece at the end."""

SETTLE_S: Final = 30.0
"""How long the stored outcome may take after the last event of a run."""

REPEAT_S: Final = 3600.0
"""How long a repeated request waits for the run of the first one, which has a deadline of its own."""


class Delta(msgspec.Struct, frozen=True):
    """More text of an answer."""

    text: str


class Ended(msgspec.Struct, frozen=True):
    """The answer is over."""

    outcome: Outcome


class Conversations:
    """Starts runs for HTTP requests and follows them."""

    def __init__(
        self, intake: Intake, chat: Chat, agents: AgentDirectory, hub: Hub, tasks: Supervisor
    ) -> None:
        self._intake = intake
        self._chat = chat
        self._agents = agents
        self._hub = hub
        self._tasks = tasks

    def agent_of(self, model: str) -> str:
        """The agent a model name stands for.

        Raises:
            NotFound: when there is no such agent.
        """
        name = next((model.removeprefix(p) for p in MODEL_PREFIXES if model.startswith(p)), model)
        if name in DEFAULT_MODELS:
            return self._agents.default_agent_id
        try:
            return self._agents.resolve(name).id
        except NotFound as error:
            raise NotFound(f"model: there is no agent {name}", {"field": "model"}) from error

    async def answer(
        self, request: CompletionRequest, principal: Principal, run_id: str, *, stays: bool
    ) -> AsyncGenerator[Delta | Ended]:
        """The answer as it is made; a repeat of a request is told the answer of the first one.

        Args:
            request: What is asked.
            principal: Who asks.
            run_id: Id of the run; the same one makes a repeat.
            stays: Whether the run goes on when the iterator is closed early, because the caller may repeat.

        Raises:
            InvalidRequest: when the last message is not the user's.
            NotFound: when there is no such agent.
            GatewayError: when the message was not accepted.
        """
        incoming = self._incoming(request, principal, run_id)
        with self._listening(principal, run_id) as events:
            received = await self._intake.receive(incoming, self._chat)
            if received.message is not None:
                self._chat.submit(received.message)
            else:
                events.close(1000, "repeat")  # what was said meanwhile is over, and perhaps all of it
            try:
                said = ""
                async for delta in events:
                    said += delta.text
                    yield delta
                outcome = await self._outcome(run_id, REPEAT_S if received.message is None else SETTLE_S)
                if outcome.text.startswith(said) and outcome.text != said:
                    yield Delta(outcome.text[len(said) :])
                yield Ended(outcome)
            except (GeneratorExit, asyncio.CancelledError):
                if not stays:
                    # A task of its own: here every await may be cancelled again, or is not allowed at all.
                    self._tasks.spawn("stop run", self._stop(received.session_key, run_id))
                raise

    async def _stop(self, session_key: SessionKey, run_id: str) -> None:
        await self._chat.abort(session_key, run_id, "rpc")

    async def _outcome(self, run_id: str, limit_s: float) -> Outcome:
        run = await self._chat.wait(run_id, limit_s)
        if run is None or run.outcome is None:
            raise Unavailable("the run ended without an outcome; see homarus logs")
        return run.outcome

    def _incoming(self, request: CompletionRequest, principal: Principal, run_id: str) -> Incoming:
        last = request.messages[-1]
        if last.role != "user":
            raise InvalidRequest("messages: the last one must be the user's", {"field": "messages"})
        agent_id = self.agent_of(request.model)
        conversation = _conversation(request, run_id)
        return Incoming(
            kind="chat",
            origin=f"openai/{principal.actor}",
            external_id=run_id,
            run_id=run_id,
            text=last.text,
            request=RunRequest(
                sender=sender_of(principal),
                trace_id=new_id().replace("-", ""),
                extra_system=_context(request),
            ),
            seed=seed_of(principal),
            channel="openai",
            account=principal.actor,
            sender=principal.actor,
            session_key=SessionKey(f"agent:{agent_id}:openai:{conversation}"),
            agent_id=agent_id,
            queue_mode="followup",
        )

    @contextmanager
    def _listening(self, principal: Principal, run_id: str) -> Generator["RunListener"]:
        listener = RunListener(msgspec.structs.replace(principal, conn_id=f"http:{new_id()}"), run_id)
        self._hub.join(listener)
        try:
            yield listener
        finally:
            self._hub.leave(listener.principal.conn_id)


class RunListener:
    """A member of the hub that hears one run; what it hears is bound by its principal's scopes."""

    resumable = False
    lagging = False

    def __init__(self, principal: Principal, run_id: str) -> None:
        self.principal = principal
        self._run_id = run_id
        self._behind = False
        self._heard: asyncio.Queue[Delta | None] = asyncio.Queue()

    def deliver(self, pending: Pending) -> None:
        """Keep what belongs to the run."""
        if not pending.event.head.startswith(_CHAT_HEAD):
            return
        payload = msgspec.json.decode(pending.event.frame(None), type=_ChatFrame).payload
        if payload.run_id != self._run_id:
            return
        if payload.state == "delta":
            self._hear(payload.delta_text)
        elif payload.state in {"final", "aborted", "error"}:
            self.close(1000, payload.state)

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - there is no socket to tell
        """Nothing more will be heard."""
        self._behind = True
        self._heard.put_nowait(None)

    def _hear(self, text: str) -> None:
        # After one gap nothing more is passed on, so that what was is the beginning of the answer.
        self._behind = self._behind or self._heard.qsize() >= MAX_WAITING_DELTAS
        if text and not self._behind:
            self._heard.put_nowait(Delta(text))

    async def __aiter__(self) -> AsyncIterator[Delta]:
        while (delta := await self._heard.get()) is not None:
            yield delta


class _ChatPayload(msgspec.Struct, rename="camel"):
    run_id: str
    state: str
    delta_text: str = ""


class _ChatFrame(msgspec.Struct):
    payload: _ChatPayload


_CHAT_HEAD: Final = EncodedEvent.of(ChatEvent.wire_name, b"").head
"""How the frame of every `chat` event begins."""


def _conversation(request: CompletionRequest, run_id: str) -> str:
    """A short name without characters of the user's own choice."""
    name = request.user or run_id
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def _context(request: CompletionRequest) -> str | None:
    """What came before the last message: instructions, and the conversation as the client tells it."""
    instructions = [m.text for m in request.messages[:-1] if m.role in {"system", "developer"}]
    earlier = [f"{m.role}: {m.text}" for m in request.messages[:-1] if m.role in {"user", "assistant"}]
    if earlier and request.user is None:
        instructions.append("The conversation so far:\n" + "\n".join(earlier))
    return "\n\n".join(instructions) or None
