"""Every change of a run, each as one unit of `state.db`: the run, its session, its task, what is to be said.

Nothing here talks to agents or clients; callers do that after the commit.
"""

from collections.abc import Sequence

import msgspec

from gateway.chat import store
from gateway.chat.lanes import Waiting
from gateway.chat.messages import answer_entry, user_entry
from gateway.chat.model import Failure, Outcome, Run, Usage
from gateway.chat.outbox import TranscriptOutbox
from gateway.chat.store import OutboxRow
from gateway.inbox import store as inbox_store
from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from gateway.sessions import store as sessions
from gateway.sessions.keys import SessionKey
from gateway.sessions.model import RunUsage, Seed, Session
from gateway.sessions.store import RunEnd
from gateway.tasks import store as tasks
from gateway.tasks.model import Task
from protocol.nouns.task import TaskStatus

_SESSION_END: dict[str, RunEnd] = {
    "done": "done",
    "failed": "failed",
    "aborted": "killed",
    "interrupted": "failed",
}

_TASK_END: dict[str, TaskStatus] = {
    "done": "completed",
    "failed": "failed",
    "aborted": "cancelled",
    "interrupted": "failed",
}


class Recovered(msgspec.Struct, frozen=True):
    """What an earlier life of the gateway left unfinished."""

    interrupted: tuple[Run, ...]
    """Runs that were being answered; they are stored as interrupted now."""
    accepted: tuple[Waiting, ...]
    """Messages nobody has begun to answer, oldest first."""
    tasks: tuple[Task, ...]
    """Tasks of those messages."""


class RunBook:
    """Writes runs."""

    def __init__(self, db: Database, outbox: TranscriptOutbox, clock: Clock) -> None:
        self._db = db
        self._outbox = outbox
        self._clock = clock

    async def get(self, run_id: str) -> Run | None:
        """A run, ended or not."""
        return await self._db.read(lambda tx: store.get(tx, run_id))

    async def begin(
        self, batch: Sequence[Waiting], task: Task | None, now_ms: int
    ) -> tuple[Session, list[OutboxRow]]:
        """Give messages their turn: the first one's run answers all of them. `task` is stored with it.

        Returns the session as it is now, and the messages as outbox rows that are not pushed yet.
        """

        def unit(tx: Tx) -> tuple[Session, list[OutboxRow]]:
            first = batch[0].run
            session = _session(tx, first.session_key, now_ms)
            rows: list[OutboxRow] = []
            for message in batch:
                merged_into = None if message is batch[0] else first.run_id
                rows.append(_start(tx, session, message, merged_into, now_ms))
                session = sessions.said(tx, session, message.text, now_ms, by_person=True)
            session = sessions.start_run(tx, session, first.run_id, now_ms)
            if task is not None:
                tasks.put(tx, task)
            return session, rows

        return await self._db.write(unit)

    async def join(self, turn: Run, joining: Sequence[Waiting]) -> None:
        """Let messages be answered by a turn that goes on, and put them into the transcript."""
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> list[OutboxRow]:
            session = _session(tx, turn.session_key, now_ms)
            return [_start(tx, session, message, turn.run_id, now_ms) for message in joining]

        self._outbox.push(await self._db.write(unit))
        await self._outbox.flush(turn.session_key)

    async def end(self, runs: Sequence[Run], outcome: Outcome, task: Task | None, now_ms: int) -> None:
        """Store how a turn ended, for the run that answered (the first) and those that joined it.

        The answer is in the outbox then. `task` is stored with it.
        """
        delivered = self._outbox.delivered_ids

        def unit(tx: Tx) -> list[OutboxRow]:
            store.delivered(tx, delivered)
            rows = _end(tx, runs, outcome, now_ms)
            if task is not None:
                tasks.put(tx, task)
            return rows

        self._outbox.push(await self._db.write(unit))
        self._outbox.swept(delivered)

    async def cancel(self, messages: Sequence[Waiting], outcome: Outcome) -> list[Task]:
        """End messages that never got their turn; they stay in the conversation, unanswered.

        Returns the tasks that ended with them.
        """
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> tuple[list[OutboxRow], list[Task]]:
            rows: list[OutboxRow] = []
            ended: list[Task] = []
            for message in messages:
                run = message.run
                session = sessions.find(tx, run.session_key)
                if not store.end(tx, run.run_id, outcome, now_ms) or session is None:
                    continue
                entry = user_entry(run, message.text, message.attachments, message.received_ms)
                rows.append(store.post(tx, run.session_key, session.session_id, entry))
                sessions.end_run(tx, session, run.run_id, now_ms, _SESSION_END[outcome.status])
                ended += _end_task(tx, run, outcome, now_ms)
            return rows, ended

        rows, ended = await self._db.write(unit)
        self._outbox.push(rows)
        return ended

    async def recover(self) -> Recovered:
        """Store what a crash or stop cut short as interrupted, and return what still has to be begun."""
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> Recovered:
            runs = store.open_runs(tx)
            cut = tuple(run for run in runs if run.status == "running")
            for run in cut:
                _end(tx, (run,), interruption(), now_ms)
                _end_task(tx, run, interruption(), now_ms)
            accepted = [run for run in runs if run.status == "accepted"]
            waiting = (_waiting(tx, run) for run in accepted)
            queued = (tasks.by_run(tx, run.run_id) for run in accepted if run.request.task_id is not None)
            return Recovered(
                interrupted=cut,
                accepted=tuple(message for message in waiting if message is not None),
                tasks=tuple(task for task in queued if task is not None),
            )

        return await self._db.write(unit)

    async def prune(self, ended_before_ms: int) -> int:
        """Forget some runs that ended before a moment; returns how many."""
        return await self._db.write(lambda tx: store.prune(tx, ended_before_ms, limit=500))


def interruption() -> Outcome:
    """How a run ends that the gateway's own end cut short."""
    text = "This answer was interrupted because the gateway stopped. Send the message again to get one."
    return Outcome(
        status="interrupted", stop_reason="restart", failure=Failure(message=text, reason="restart")
    )


def task_ended(task: Task, outcome: Outcome, now_ms: int) -> Task:
    """The task of a run that has ended."""
    failure = outcome.failure
    timed_out = failure is not None and failure.reason == "timeout"
    return msgspec.structs.replace(
        task,
        status="timed_out" if timed_out else _TASK_END[outcome.status],
        ended_ms=now_ms,
        updated_ms=now_ms,
        summary="completed" if outcome.status == "done" else outcome.status,
        error=None if failure is None else failure.message,
    )


def _session(tx: Tx, key: SessionKey, now_ms: int) -> Session:
    return sessions.ensure(tx, key, Seed(created_via="run"), now_ms)


def _start(tx: Tx, session: Session, message: Waiting, merged_into: str | None, now_ms: int) -> OutboxRow:
    run = message.run
    if not store.start(tx, run.run_id, merged_into, now_ms):
        raise RuntimeError(f"run {run.run_id} was started twice")
    entry = user_entry(run, message.text, message.attachments, message.received_ms)
    return store.post(tx, run.session_key, session.session_id, entry)


def _end(tx: Tx, runs: Sequence[Run], outcome: Outcome, now_ms: int) -> list[OutboxRow]:
    first = runs[0]
    rows: list[OutboxRow] = []
    # Those that joined end first, so that the session shows the run that answered as its last one.
    for run in reversed(runs):
        if not store.end(tx, run.run_id, outcome, now_ms):
            continue
        session = sessions.find(tx, run.session_key)
        if session is None:
            continue
        session = sessions.end_run(
            tx,
            session,
            run.run_id,
            now_ms,
            _session_end(outcome),
            error=None if outcome.failure is None else outcome.failure.message,
            usage=_usage(outcome) if run is first else None,
        )
        if run is not first or run.merged_into is not None:
            continue
        entry = answer_entry(run, outcome, now_ms)
        if entry is not None:
            rows.append(store.post(tx, run.session_key, session.session_id, entry))
            sessions.said(tx, session, outcome.last_text or outcome.text, now_ms, by_person=False)
    return rows


def _session_end(outcome: Outcome) -> RunEnd:
    if outcome.failure is not None and outcome.failure.reason == "timeout":
        return "timeout"
    return _SESSION_END[outcome.status]


def _usage(outcome: Outcome) -> RunUsage:
    usage = outcome.usage
    if usage == Usage():  # a command, or it ended before a model told: what is known of the session stays
        return RunUsage(model_provider=outcome.provider, model=outcome.model)
    total = usage.input_tokens + usage.output_tokens
    return RunUsage(
        model_provider=outcome.provider,
        model=outcome.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=total,
        cost_usd=usage.cost_usd,
    )


def _end_task(tx: Tx, run: Run, outcome: Outcome, now_ms: int) -> list[Task]:
    task = tasks.by_run(tx, run.run_id) if run.request.task_id is not None else None
    if task is None:
        return []
    ended = task_ended(task, outcome, now_ms)
    tasks.put(tx, ended)
    return [ended]


def _waiting(tx: Tx, run: Run) -> Waiting | None:
    entry = inbox_store.get(tx, run.inbox_id)
    if entry is None:
        return None
    message = entry.message
    return Waiting(
        run=run, text=message.text, attachments=message.attachments, received_ms=message.received_ms
    )
