"""One turn: the agent's events become the client's events and the transcript's entries."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Final, Protocol

import msgspec

from gateway.agents.model import (
    AgentDirectory,
    Finished,
    ModelSelected,
    Steering,
    TextDelta,
    ToolFinished,
    ToolStarted,
    ToolUpdated,
    Turn,
    TurnEvent,
    UsageReported,
)
from gateway.chat.lanes import Waiting
from gateway.chat.messages import tool_call_entry, tool_result_entry
from gateway.chat.model import Outcome, Run
from gateway.chat.outbox import TranscriptOutbox
from gateway.chat.progress import Progress
from gateway.chat.stream import RunStream
from gateway.chat.timing import SendTiming
from gateway.chat.tool_events import Data
from gateway.kernel.clock import Clock
from gateway.kernel.supervisor import Supervisor
from gateway.sessions.keys import SessionKey
from gateway.tasks.service import TaskLedger
from gateway.transcripts.model import NewEntry
from protocol.errors import GatewayError, Unavailable
from protocol.events.chat import SendPhase

logger = logging.getLogger(__name__)

ABORT_GRACE_S: Final = 0.8
"""Time for an agent to clean up after a stop; the sender of `chat.abort` is answered within a second."""


class ToolAnnouncer(Protocol):
    """Publishes `session.tool`."""

    async def tool(self, key: SessionKey, run_id: str, seq: int, data: Data) -> None:
        """To the session's message subscribers that show tools."""
        ...


class LiveTurn:
    """A turn in work, with the messages it answers; the first one's run stands for it."""

    def __init__(self, batch: Sequence[Waiting], stream: RunStream, timings: Sequence[SendTiming]) -> None:
        self.batch = list(batch)
        self.stream = stream
        self.timings = timings
        self.progress = Progress(stream.answer)
        self.started_ms = 0
        self.stopping: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Set to the reason once somebody wants the turn to end."""
        self.settling = False
        """True once it is decided how the turn ends."""
        self.over = asyncio.Event()
        """Set when the end is stored and told."""
        self.joining: set[asyncio.Task[None]] = set()

    @property
    def run(self) -> Run:
        """The run that stands for the turn."""
        return self.batch[0].run

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run the turn answers, its own first."""
        return tuple(message.run for message in self.batch)

    def began(self, now_ms: int, session_id: str) -> None:
        """The turn is on disk, in this life of the session."""
        self.started_ms = now_ms
        self.batch = [
            msgspec.structs.replace(
                message, run=msgspec.structs.replace(message.run, session_id=session_id, started_ms=now_ms)
            )
            for message in self.batch
        ]

    async def joined(self) -> None:
        """Wait until messages that are just joining have joined or failed to."""
        if self.joining:
            await asyncio.wait(self.joining)

    def phase(self, phase: SendPhase, *, provider: str | None = None, model: str | None = None) -> None:
        """Tell the senders of its messages how far the turn is."""
        for timing in self.timings:
            timing.phase(phase, provider=provider, model=model)

    def stop(self, reason: str) -> bool:
        """Ask the turn to end; the first reason counts. False when it has come to its end already."""
        if self.settling:
            return False
        if not self.stopping.done():
            self.stopping.set_result(reason)
        return True


class TurnRunner:
    """Lets agents answer."""

    def __init__(
        self,
        *,
        agents: AgentDirectory,
        outbox: TranscriptOutbox,
        announcer: ToolAnnouncer,
        ledger: TaskLedger,
        tasks: Supervisor,
        clock: Clock,
    ) -> None:
        self._agents = agents
        self._outbox = outbox
        self._announcer = announcer
        self._ledger = ledger
        self._tasks = tasks
        self._clock = clock

    async def answer(self, live: LiveTurn, turn: Turn, steering: Steering) -> Outcome:
        """Let the agent answer, until it has, fails, is stopped or runs out of time."""
        worker = self._tasks.spawn(f"run {turn.run_id}", self._consume(live, turn, steering))
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait({worker, live.stopping}, timeout=turn.deadline_s, return_when=first)
        if not worker.done():
            worker.cancel()
            await asyncio.wait({worker}, timeout=ABORT_GRACE_S)
            if not worker.done():
                logger.error("agent %s ignores its cancellation in run %s", turn.agent_id, turn.run_id)
            return self._stopped(live, turn)
        if worker.cancelled():
            text = "The agent was stopped from outside. Send the message again."
            return live.progress.failed(Unavailable(text))
        if worker.exception() is not None:
            text = "The agent failed unexpectedly; `homarus logs` has the details. Send the message again."
            return live.progress.failed(Unavailable(text))
        return worker.result()

    @staticmethod
    def _stopped(live: LiveTurn, turn: Turn) -> Outcome:
        if not live.stopping.done():
            return live.progress.timed_out(turn.deadline_s)
        reason = live.stopping.result()
        if reason == "restart":
            return live.progress.outcome("interrupted", reason)
        return live.progress.outcome("aborted", reason)

    async def _consume(self, live: LiveTurn, turn: Turn, steering: Steering) -> Outcome:
        """The worker: its failure is the agent's, an exception of another kind is a bug and is logged."""
        try:
            events = self._agents.runtime_for(turn.agent_id).run(turn, steering)
            try:
                async for event in events:
                    await self._take(live, event)
                    if isinstance(event, Finished) or live.stream.answer.full:
                        break
            finally:
                # A generator left early is closed here, where its cleanup can still be awaited.
                if isinstance(events, AsyncGenerator):
                    await events.aclose()
        except GatewayError as error:
            return live.progress.failed(error)
        if live.stream.answer.full:
            live.progress.stop_reason = "length"
        return live.progress.done()

    async def _take(self, live: LiveTurn, event: TurnEvent) -> None:
        stream, progress = live.stream, live.progress
        match event:
            case TextDelta():
                stream.say(event.text)
                live.phase("first-assistant-event")
            case ModelSelected():
                progress.provider, progress.model = event.provider, event.model
                stream.lifecycle({"phase": "model", "provider": event.provider, "model": event.model})
                live.phase("model-selected", provider=event.provider, model=event.model)
            case UsageReported():
                progress.used(event)
                stream.usage(event.output_tokens)
            case Finished():
                progress.stop_reason = event.stop_reason
            case _:
                await self._tool(live, event)

    async def _tool(self, live: LiveTurn, event: ToolStarted | ToolUpdated | ToolFinished) -> None:
        run, stream, progress = live.run, live.stream, live.progress
        now_ms = self._clock.now_ms()
        if isinstance(event, ToolStarted):
            progress.tools[event.call_id] = event
            said = progress.done()
            self._append(run, tool_call_entry(run, said, event, progress.next_entry(), now_ms))
            data = stream.tool_started(event)
            if run.request.task_id is not None:
                self._ledger.said(run.request.task_id, stream.answer.text)
                self._ledger.used_tool(run.request.task_id, event.name)
        elif isinstance(event, ToolUpdated):
            began = progress.tools.get(event.call_id)
            if began is None:
                return
            data = stream.tool_updated(began, event)
        else:
            began = progress.finished_tool(event)
            self._append(run, tool_result_entry(run, event, progress.next_entry(), now_ms))
            data = stream.tool_finished(began, event)
        await self._announcer.tool(run.session_key, run.run_id, stream.seq, data)

    def _append(self, run: Run, entry: NewEntry) -> None:
        self._outbox.later(run.session_key, run.session_id, entry)
