"""Conversations over HTTP: a request becomes a message on the one road, and its answer is streamed back."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from gateway.agents.model import AgentDirectory
from gateway.chat.intake import Incoming, Intake
from gateway.chat.model import Outcome, RunRequest
from gateway.chat.service import Chat
from gateway.chat.sources import seed_of, sender_of
from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from gateway.openai_http.model import CompletionRequest
from gateway.sessions.keys import SessionKey
from protocol.errors import InvalidRequest, NotFound, Unavailable
from protocol.events.chat import ChatEvent
from protocol.ids import new_id

MODEL_PREFIXES: Final = ("homarus/", "openclaw/", "agent:")
"""What may stand before an agent's id in `model`; OpenClaw's own clients use its name."""

DEFAULT_MODELS: Final = frozenset({"homarus", "openclaw", "default"})

MAX_WAITING_DELTAS: Final = 10_000
"""What a client that does not read may leave waiting before its run is stopped."""

SETTLE_S: Final = 30.0
"""How long the stored outcome may take after the last event of a run."""


class Delta(msgspec.Struct, frozen=True):
    """More text of an answer."""

    text: str


class Ended(msgspec.Struct, frozen=True):
    """The answer is over."""

    outcome: Outcome


class Conversations:
    """Starts runs for HTTP requests and follows them."""

    def __init__(self, intake: Intake, chat: Chat, agents: AgentDirectory, hub: Hub, clock: Clock) -> None:
        self._intake = intake
        self._chat = chat
        self._agents = agents
        self._hub = hub
        self._clock = clock

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
        self, request: CompletionRequest, principal: Principal, run_id: str
    ) -> AsyncIterator[Delta | Ended]:
        """The answer as it is made; the run is stopped when the iterator is closed early.

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
            try:
                async for delta in events:
                    yield delta
                yield Ended(await self._outcome(run_id))
            except (GeneratorExit, asyncio.CancelledError):
                await self._chat.abort(received.session_key, run_id, "rpc")
                raise

    async def _outcome(self, run_id: str) -> Outcome:
        run = await self._chat.wait(run_id, SETTLE_S)
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
        listener = RunListener(msgspec.structs.replace(principal, conn_id=f"http:{run_id}"), run_id)
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
        self._heard: asyncio.Queue[Delta | None] = asyncio.Queue(MAX_WAITING_DELTAS)

    def deliver(self, pending: Pending) -> None:
        """Keep what belongs to the run."""
        if ChatEvent.wire_name not in pending.event.head[:64].decode(errors="replace"):
            return
        payload = msgspec.json.decode(pending.event.frame(None), type=_ChatFrame).payload
        if payload is None or payload.run_id != self._run_id:
            return
        if payload.state == "delta" and payload.delta_text and not self._heard.full():
            self._heard.put_nowait(Delta(payload.delta_text))
        elif payload.state in {"final", "aborted", "error"}:
            self.close(1000, payload.state)

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - there is no socket to tell
        """Nothing more will be heard."""
        if self._heard.full():
            self._heard.get_nowait()
        self._heard.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Delta]:
        while (delta := await self._heard.get()) is not None:
            yield delta


class _ChatPayload(msgspec.Struct, rename="camel"):
    run_id: str
    state: str
    delta_text: str = ""


class _ChatFrame(msgspec.Struct):
    event: str
    payload: _ChatPayload | None = None


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
