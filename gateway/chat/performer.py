"""Performs turns: begun on disk, answered, ended on disk, told; in this order, whatever happens."""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from gateway.agents.model import AgentDirectory, Attachment, ChoosesHistory, HistoryMessage, Steering, Turn
from gateway.chat.answers import Watchers
from gateway.chat.context import history_of
from gateway.chat.endings import tell, tell_early
from gateway.chat.model import ChatSettings, Outcome, Run
from gateway.chat.outbox import TranscriptOutbox
from gateway.chat.runbook import RunBook, task_ended
from gateway.chat.stream import Publisher, RunStream
from gateway.chat.turn import LiveTurn, TurnRunner
from gateway.inbox.model import StoredAttachment
from gateway.kernel.clock import Clock
from gateway.kernel.log import scene
from gateway.kernel.retry import Backoff
from gateway.kernel.store.blobs import BlobStore
from gateway.kernel.store.errors import StoreUnavailable
from gateway.sessions.announce import ChangeReason
from gateway.sessions.keys import SessionKey
from gateway.sessions.model import Session
from gateway.tasks.model import Task
from gateway.tasks.service import TaskLedger
from gateway.transcripts.service import Transcripts
from protocol.errors import GatewayError, Unavailable
from protocol.events.sessions import RunPhase

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ChangeAnnouncer(Protocol):
    """Publishes `sessions.changed`."""

    def heard(self, key: SessionKey) -> bool:
        """Whether anybody is told about this session's messages."""
        ...

    async def changed(
        self,
        key: SessionKey,
        reason: ChangeReason,
        *,
        phase: RunPhase | None = None,
        run_id: str | None = None,
    ) -> None:
        """With the session's present row; `phase` says that `run_id` began or is stored as ended."""
        ...


class CommandDesk(Protocol):
    """Carries out what a person tells the gateway itself."""

    async def execute(self, run: Run, text: str) -> str:
        """The answer to the command `text`, such as `/status`.

        Raises:
            GatewayError: when it cannot be done.
        """
        ...


class Performer:
    """Performs turns."""

    def __init__(
        self,
        *,
        book: RunBook,
        agents: AgentDirectory,
        runner: TurnRunner,
        outbox: TranscriptOutbox,
        transcripts: Transcripts,
        blobs: BlobStore,
        commands: CommandDesk,
        announcer: ChangeAnnouncer,
        publisher: Publisher,
        ledger: TaskLedger,
        watchers: Watchers,
        clock: Clock,
        settings: Callable[[], ChatSettings],
    ) -> None:
        self._book = book
        self._agents = agents
        self._runner = runner
        self._outbox = outbox
        self._transcripts = transcripts
        self._blobs = blobs
        self._commands = commands
        self._announcer = announcer
        self._publisher = publisher
        self._ledger = ledger
        self._watchers = watchers
        self._clock = clock
        self._settings = settings

    async def perform(self, live: LiveTurn, steering: Steering) -> None:
        """One turn from beginning to end. Returns when its end is stored and told."""
        run = live.run
        request = run.request
        with scene(session=run.session_key, trace=request.trace_id, request=request.request_id):
            logger.info("run %s begins, agent %s", run.run_id, run.agent_id)
            try:
                outcome = await self._answered(live, steering)
            except GatewayError as error:
                outcome = live.progress.failed(error)
            except (
                Exception
            ):  # a bug: the run must end all the same, and then the supervisor logs the exception
                text = "The gateway failed while answering; `homarus logs` has the details."
                await self.settle(live, live.progress.failed(Unavailable(text)))
                raise
            await self.settle(live, outcome)
            logger.info("run %s is %s (%s)", run.run_id, outcome.status, outcome.stop_reason)

    async def settle(self, live: LiveTurn, outcome: Outcome) -> None:
        """Store and tell how a turn ended."""
        live.settling = True
        await live.joined()
        run = live.run
        live.stream.flush()
        ended_ms = self._clock.now_ms()
        task = self._task(run)
        ended_task = None if task is None else task_ended(task, outcome, ended_ms)
        await self.persist(live, lambda: self._book.end(live.runs, outcome, ended_task, ended_ms))
        await self.flush(run.session_key)
        tell(live, outcome, live.started_ms, ended_ms)
        for joined in live.runs[1:]:
            tell_early(RunStream(joined, self._publisher, self._clock), outcome)
        if ended_task is not None:
            self._ledger.announce(ended_task)
        for ended in live.runs:
            self._watchers.ended(ended, outcome, live.started_ms, ended_ms)
        phase: RunPhase = "end" if outcome.status == "done" else "error"
        await self._announcer.changed(run.session_key, "agent.input.settled", phase=phase, run_id=run.run_id)

    async def persist(self, live: LiveTurn, write: Callable[[], Awaitable[T]]) -> T:
        """`write()`, again and again while the disk fails: what was accepted is never forgotten.

        Raises:
            StoreUnavailable: when the turn is to stop because the gateway does; the next start takes it up.
        """
        backoff: Backoff | None = None  # made when needed: seeding its jitter costs as much as a write
        while True:
            try:
                return await write()
            except StoreUnavailable as error:
                if live.stopping.done() and live.stopping.result() == "restart":
                    raise
                backoff = backoff or Backoff(initial_s=0.25, max_s=10.0)
                delay_s = backoff.next_s()
                logger.error(
                    "run %s waits for the disk: %s; next try in %.1f s", live.run.run_id, error, delay_s
                )
                await self._clock.sleep(delay_s)

    async def flush(self, key: SessionKey) -> None:
        """Bring what was said into the transcript; what fails now stays in the outbox for later."""
        try:
            await self._outbox.flush(key)
        except StoreUnavailable as error:
            logger.error("the transcript of %s waits for the disk: %s", key, error)

    async def _answered(self, live: LiveTurn, steering: Steering) -> Outcome:
        run = live.run
        live.phase("dispatch-started")
        await self.flush(run.session_key)
        now_ms = self._clock.now_ms()
        task = self._started_task(run, now_ms)
        session, rows = await self.persist(live, lambda: self._book.begin(live.batch, task, now_ms))
        live.began(now_ms, session.session_id)
        if task is not None:
            self._ledger.announce(task)
        live.stream.status("preparing_context")
        try:
            # Before the new messages are in the transcript: an agent gets them apart from the history.
            history = await self._history(run, session)
        finally:
            self._outbox.push(rows)
        if self._announcer.heard(run.session_key):
            await self.flush(run.session_key)
        else:
            self._outbox.soon(run.session_key)  # with the answer, if that comes quickly: one commit less
        await self._announcer.changed(run.session_key, "agent.run.started", phase="start", run_id=run.run_id)
        live.phase("agent-run-started")
        live.stream.lifecycle({"phase": "start", "startedAt": live.started_ms})
        if run.request.is_command:
            return await self._command(live)
        live.stream.status("starting_model")
        return await self._runner.answer(live, self._turn(live, session, history), steering)

    async def _history(self, run: Run, session: Session) -> tuple[HistoryMessage, ...]:
        """The conversation so far, unless the agent would not read it."""
        runtime = self._agents.runtime_for(run.agent_id)
        model = run.request.model or session.overrides.model
        if run.request.is_command or (
            isinstance(runtime, ChoosesHistory) and not runtime.reads_history(model)
        ):
            return ()
        return history_of(await self._transcripts.context(session.session_id))

    async def _command(self, live: LiveTurn) -> Outcome:
        live.stream.say_at_end(await self._commands.execute(live.run, live.batch[0].text))
        return live.progress.done()

    def _task(self, run: Run) -> Task | None:
        return None if run.request.task_id is None else self._ledger.current(run.request.task_id)

    def _started_task(self, run: Run, now_ms: int) -> Task | None:
        task = self._task(run)
        if task is None:
            return None
        return msgspec.structs.replace(task, status="running", started_ms=now_ms, updated_ms=now_ms)

    def _turn(self, live: LiveTurn, session: Session, history: tuple[HistoryMessage, ...]) -> Turn:
        run, request = live.run, live.run.request
        stored = [attachment for message in live.batch for attachment in message.attachments]
        return Turn(
            run_id=run.run_id,
            session_key=run.session_key,
            session_id=session.session_id,
            agent_id=run.agent_id,
            message="\n\n".join(message.text for message in live.batch),
            attachments=tuple(self._attachment(attachment) for attachment in stored),
            history=history,
            model=request.model or session.overrides.model,
            thinking=request.thinking or session.overrides.thinking_level,
            caps=frozenset(request.sender.caps),
            actor=request.sender.actor,
            scopes=request.sender.scopes,
            deadline_s=request.timeout_s or float(self._settings().turn_timeout_s),
            trace_id=request.trace_id,
            extra_system=request.extra_system,
        )

    def _attachment(self, stored: StoredAttachment) -> Attachment:
        return Attachment(
            media_type=stored.mime_type,
            file_name=stored.file_name,
            size_bytes=stored.size_bytes,
            read=lambda: self._blobs.get(stored.sha256),
        )
