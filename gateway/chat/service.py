"""Chat: accepted messages get their turns, one at a time per session, and can be stopped and waited for."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import Final, Protocol

from gateway.agents.model import NoSteering
from gateway.chat.answers import Watchers
from gateway.chat.endings import tell_early
from gateway.chat.lanes import Lane, Waiting
from gateway.chat.model import ChatSettings, Outcome, Run
from gateway.chat.outbox import TranscriptOutbox
from gateway.chat.performer import ChangeAnnouncer, Performer
from gateway.chat.runbook import Recovered, RunBook, interruption
from gateway.chat.stream import Publisher, RunStream
from gateway.chat.timing import SendTiming
from gateway.chat.turn import LiveTurn
from gateway.kernel.clock import Clock
from gateway.kernel.store.errors import StoreUnavailable
from gateway.kernel.supervisor import Supervisor
from gateway.sessions.announce import ChangeReason
from gateway.sessions.keys import SessionKey
from gateway.tasks.service import TaskLedger
from protocol.errors import Overloaded, Unavailable

logger = logging.getLogger(__name__)

MAX_OPEN_RUNS: Final = 10_000
"""Messages that may wait in all sessions together; a few megabytes."""

STOP_TIMEOUT_S: Final = 5.0
"""How long archiving, resetting or deleting a session waits for its runs to end."""

SHUTDOWN_GRACE_S: Final = 2.0
"""What running turns get when the gateway stops; the rest of an answer is rarely further away."""


class Chat:
    """Lanes, turns, stops and waits."""

    def __init__(
        self,
        *,
        book: RunBook,
        performer: Performer,
        outbox: TranscriptOutbox,
        announcer: ChangeAnnouncer,
        publisher: Publisher,
        ledger: TaskLedger,
        watchers: Watchers,
        tasks: Supervisor,
        clock: Clock,
        settings: Callable[[], ChatSettings],
    ) -> None:
        self._book = book
        self._performer = performer
        self._outbox = outbox
        self._announcer = announcer
        self._publisher = publisher
        self._ledger = ledger
        self._watchers = watchers
        self._tasks = tasks
        self._clock = clock
        self._settings = settings
        self._lanes: dict[SessionKey, Lane] = {}
        self._live: dict[SessionKey, LiveTurn] = {}
        self._timings: dict[str, SendTiming] = {}
        self._storing: dict[SessionKey, int] = {}
        self._ready: deque[SessionKey] = deque()
        self._open = 0
        self._closing = False

    # In

    @contextmanager
    def reserve(self, key: SessionKey, run_id: str) -> Generator[None]:
        """Hold a place in a session's queue while its message is stored.

        Raises:
            Overloaded: when too many messages wait already.
            Unavailable: when the gateway is stopping.
        """
        if self._closing:
            raise Unavailable("the gateway is stopping; send the message again once it is back")
        lane = self._lanes.get(key)
        storing = self._storing.get(key, 0)
        is_repeat = lane is not None and any(message.run.run_id == run_id for message in lane)
        waiting = storing + (len(lane.waiting) if lane is not None else 0)
        if not is_repeat and (waiting >= self._settings().max_waiting or self._open >= MAX_OPEN_RUNS):
            raise Overloaded(f"{waiting} messages wait in {key}; wait for an answer or stop the run first")
        self._storing[key] = storing + 1
        try:
            yield
        finally:
            left = self._storing.pop(key) - 1
            if left:
                self._storing[key] = left

    def submit(self, message: Waiting, timing: SendTiming | None = None) -> bool:
        """Let a stored message be answered in its turn; True when it ends a running turn for that.

        Nothing is sent before the caller gives the loop a turn, so that an acknowledgement goes out first.
        """
        run = message.run
        logger.info("run %s accepted for agent %s in %s", run.run_id, run.agent_id, run.session_key)
        if timing is not None:
            self._timings[run.run_id] = timing
        self._open += 1
        if run.request.is_command:
            asyncio.get_running_loop().call_soon(self._perform_command, message)
            return False
        lane = self._lanes.setdefault(run.session_key, Lane())
        busy = bool(lane.active)
        lane.enqueue(message)
        if busy:
            self._announce(run.session_key, "steer" if run.queue_mode == "steer" else "send")
            live = self._live.get(run.session_key)
            return run.queue_mode == "interrupt" and live is not None and live.stop("interrupt")
        asyncio.get_running_loop().call_soon(self._pump, run.session_key)
        return False

    # Out

    async def abort(
        self, key: SessionKey, run_id: str | None, reason: str, *, queued: bool = True
    ) -> list[str]:
        """Stop one run, or all waiting (unless `queued` is false) and running ones of a session.

        Returns the runs stopped, when they are stored as ended and everybody was told.
        """
        stopped: list[str] = []
        lane = self._lanes.get(key)
        # First those that wait, so that none of them gets the turn of the one that is stopped.
        if lane is not None and (queued or run_id is not None):
            dropped = lane.drop(run_id)
            await self._cancel(dropped, reason)
            stopped += [message.run.run_id for message in dropped]
        live = self._live.get(key)
        if live is not None and (run_id is None or any(run.run_id == run_id for run in live.runs)):
            runs = [run.run_id for run in live.runs]
            stopped += runs if live.stop(reason) else ()
            await live.over.wait()
        self._pump(key)
        return stopped

    async def stop(self, session_key: str, reason: str) -> None:
        """End all work of a session, as `RunStopper` promises.

        Raises:
            Unavailable: when it did not end in time.
        """
        logger.info("stopping the runs of %s: %s", session_key, reason)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.abort(SessionKey(session_key), None, "rpc")
        except TimeoutError:
            text = f"the runs of {session_key} did not end in time; try again"
            raise Unavailable(text, {"sessionKey": session_key}) from None

    async def wait(self, run_id: str, timeout_s: float) -> Run | None:
        """The run once it has ended, or as it is after `timeout_s`; None when there is none of that id."""
        ended: asyncio.Future[Run] = asyncio.get_running_loop().create_future()

        def callback(run: Run) -> None:
            if not ended.done():
                ended.set_result(run)

        self._watchers.add(run_id, callback)
        try:
            run = await self._book.get(run_id)
            if run is None or run.outcome is not None:
                return run
            await asyncio.wait({ended}, timeout=timeout_s)
            return ended.result() if ended.done() else await self._book.get(run_id)
        finally:
            self._watchers.remove(run_id, callback)

    # What is going on

    def live(self, key: SessionKey) -> LiveTurn | None:
        """The turn being performed for a session."""
        return self._live.get(key)

    def waiting(self, key: SessionKey) -> Sequence[Waiting]:
        """Messages of a session that have no turn yet, next one first."""
        lane = self._lanes.get(key)
        return tuple(lane.waiting) if lane is not None else ()

    def describe(self, key: SessionKey) -> str:
        """One line for people: what runs and waits in a session."""
        count = len(self.waiting(key))
        waits = "" if not count else f", {count} waiting"
        return ("Answering now" if key in self._live else "Idle") + waits

    # Life

    async def resume(self, recovered: Recovered) -> None:
        """Begin what an earlier life of the gateway had accepted, and tell what it left unfinished."""
        for key in self._outbox.sessions:
            await self._performer.flush(key)
        for run in recovered.interrupted:
            logger.warning("run %s was interrupted by the last stop of the gateway", run.run_id)
            tell_early(RunStream(run, self._publisher, self._clock), interruption())
        for task in recovered.tasks:
            self._ledger.announce(task)
        for message in recovered.accepted:
            logger.info("run %s was accepted before the restart and begins now", message.run.run_id)
            self.submit(message)

    async def close(self) -> None:
        """Take no more, let turns end for a moment, then store them as interrupted."""
        self._closing = True
        turns = list(self._live.values())
        await _all_over(turns, SHUTDOWN_GRACE_S)
        for live in turns:
            live.stop("restart")
        await _all_over(turns, SHUTDOWN_GRACE_S)
        for key in self._outbox.sessions:
            await self._performer.flush(key)
        await self._outbox.sweep_now()

    def _pump(self, key: SessionKey) -> None:
        """Give the next message of a session its turn, as soon as there is room for another turn."""
        lane = self._lanes.get(key)
        if lane is None or lane.active or self._closing:
            return
        if not lane.waiting:
            del self._lanes[key]
        elif len(self._live) >= self._settings().max_concurrent_turns:
            if key not in self._ready:
                self._ready.append(key)
        else:
            live = self._live[key] = self._turn(lane.promote())
            self._spawn(f"turn {live.run.run_id}", self._perform(key, lane, live))

    async def _perform(self, key: SessionKey, lane: Lane, live: LiveTurn) -> None:
        try:
            await self._performer.perform(live, _Steering(self, lane, live))
        finally:
            self._open -= len(live.batch)
            lane.finish()
            del self._live[key]
            live.over.set()
            self._pump(key)
            while self._ready and len(self._live) < self._settings().max_concurrent_turns:
                self._pump(self._ready.popleft())

    def _perform_command(self, message: Waiting) -> None:
        live = self._turn((message,))
        self._spawn(f"command {message.run.run_id}", self._command(live))

    async def _command(self, live: LiveTurn) -> None:
        try:
            await self._performer.perform(live, NoSteering())
        finally:
            self._open -= 1
            live.over.set()

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Start a task that does not inherit the log scene of whoever happened to make room for it."""
        Context().run(self._tasks.spawn, name, work)

    def _turn(self, batch: Sequence[Waiting]) -> LiveTurn:
        runs = [message.run for message in batch]
        timings = [timing for run in runs if (timing := self._timings.pop(run.run_id, None)) is not None]
        return LiveTurn(batch, RunStream(runs[0], self._publisher, self._clock), timings)

    async def _cancel(self, messages: Sequence[Waiting], reason: str) -> None:
        if not messages:
            return
        outcome = Outcome(status="aborted", stop_reason=reason)
        now_ms = self._clock.now_ms()
        ended = await self._book.cancel(messages, outcome)
        self._open -= len(messages)
        for message in messages:
            run = message.run
            self._timings.pop(run.run_id, None)
            tell_early(RunStream(run, self._publisher, self._clock), outcome)
            self._watchers.ended(run, outcome, None, now_ms)
        for task in ended:
            self._ledger.announce(task)
        await self._performer.flush(messages[0].run.session_key)

    def _announce(self, key: SessionKey, reason: ChangeReason) -> None:
        self._tasks.spawn(f"announce {key}", self._announcer.changed(key, reason))

    async def join(self, lane: Lane, live: LiveTurn) -> tuple[str, ...]:
        """Let waiting messages join a running turn; returns their texts once that is on disk."""
        joining = lane.steering()
        if not joining:
            return ()
        task = self._tasks.spawn(f"join {live.run.run_id}", self._join(lane, live, joining))
        live.joining.add(task)
        task.add_done_callback(live.joining.discard)
        try:
            # Shielded: a turn that is stopped meanwhile must still know which messages it has taken over.
            await asyncio.shield(task)
        except StoreUnavailable:
            return ()  # they were put back and get a turn of their own
        return tuple(message.text for message in joining)

    async def _join(self, lane: Lane, live: LiveTurn, joining: tuple[Waiting, ...]) -> None:
        try:
            await self._book.join(live.run, joining)
        except BaseException:
            lane.put_back(joining)
            raise
        live.batch += joining


async def _all_over(turns: Sequence[LiveTurn], timeout_s: float) -> None:
    """Wait for turns to end, at most `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            for live in turns:
                await live.over.wait()
    except TimeoutError:
        return


class _Steering:
    """What a runtime asks for messages that came while it works."""

    def __init__(self, chat: "Joins", lane: Lane, live: LiveTurn) -> None:
        self._chat = chat
        self._lane = lane
        self._live = live

    async def next_messages(self) -> tuple[str, ...]:
        """Texts that joined the turn."""
        return await self._chat.join(self._lane, self._live)


class Joins(Protocol):
    """Where messages join turns."""

    async def join(self, lane: Lane, live: LiveTurn) -> tuple[str, ...]:
        """Texts of the messages that joined."""
        ...
