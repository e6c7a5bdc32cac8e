"""What clients see of one run while it goes on: `chat` and `agent` events with one count per run."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from gateway.agents.model import ToolFinished, ToolStarted, ToolUpdated
from gateway.chat import tool_events
from gateway.chat.answer import Answer
from gateway.chat.limits import DELTA_CHARS_PER_S, DELTA_INTERVAL_S
from gateway.chat.model import Run
from gateway.chat.tool_events import COMMAND_TOOLS, Data
from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Principal
from protocol.events.agent import AgentEvent, AgentStream
from protocol.events.chat import ChatEvent, ChatMessage, ChatState
from protocol.ids import new_id
from protocol.method import Event
from protocol.nouns.message import TextBlock
from protocol.nouns.run import ErrorKind, RunErrorDetail, StartupPhase

TOOL_EVENTS: Final = "tool-events"
"""Client capability: show me the arguments and results of tools."""


class Publisher(Protocol):
    """The hub, as far as a stream needs it."""

    def publish(
        self,
        event: Event,
        *,
        to: Callable[[Principal], bool] | None = None,
        drop_if_slow: bool = False,
    ) -> None:
        """Send to every connection that may see it and, with `to`, where that holds."""
        ...


def takes_tools(principal: Principal) -> bool:
    """Whether a connection asked for tool events."""
    return TOOL_EVENTS in principal.caps


class RunStream:
    """Publishes the events of one run."""

    def __init__(self, run: Run, publisher: Publisher, clock: Clock) -> None:
        self._run = run
        self._publisher = publisher
        self._clock = clock
        self._item_id = new_id()
        self._next_delta_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._output_tokens = 0
        self.answer = Answer()
        self.seq = 0
        """Number of the last event."""

    # Stages

    def status(self, phase: StartupPhase) -> None:
        """Say which preparation is going on."""
        self.seq += 1
        event = self._event("status")
        event.phase = phase
        self._publisher.publish(event)
        self._agent("run_status", {"phase": phase})

    def lifecycle(self, data: Data) -> None:
        """Say how far the run is; `data` has `phase` and what belongs to it."""
        self.seq += 1
        self._agent("lifecycle", data)

    def usage(self, output_tokens: int) -> None:
        """Add the tokens of one model call."""
        self.seq += 1
        self._output_tokens += output_tokens
        self._agent("usage", {"outputTokens": self._output_tokens})

    # Text

    def say(self, delta: str) -> None:
        """Take more of the answer and publish it, now or together with what follows shortly."""
        self.answer.add(delta)
        now_s = self._clock.monotonic_s()
        if now_s >= self._next_delta_s:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._next_delta_s - now_s, self.flush)

    def say_at_end(self, text: str) -> None:
        """Take text that is published with the end of the run only.

        The TUI shows the answer to a command in another form than speech: a delta of it would stay on the
        screen as a second answer.
        """
        self.answer.add(text)
        self.answer.take_fresh()

    def flush(self) -> None:
        """Publish text that waits."""
        self._stop_timer()
        if not self.answer.has_fresh:
            return
        shown, part_delta = self.answer.take_fresh()
        self.seq += 1
        item_id = f"{self._item_id}:{self.answer.part_number}"
        data: Data = {"text": self.answer.part, "delta": part_delta, "itemId": item_id}
        self._agent("assistant", data, drop_if_slow=True)
        event = self._event("delta")
        event.delta_text = shown
        event.message = self._message()
        # A client that lags misses nothing: every later event repeats the whole text.
        self._publisher.publish(event, drop_if_slow=True)
        pause_s = max(DELTA_INTERVAL_S, self.answer.chars / DELTA_CHARS_PER_S)
        self._next_delta_s = self._clock.monotonic_s() + pause_s

    # Tools; each returns the data that `session.tool` repeats

    def tool_started(self, tool: ToolStarted) -> Data:
        """A tool begins."""
        self.flush()
        self.answer.next_part()
        self._step("item", tool_events.item(tool, "start", "running", startedAt=self._clock.now_ms()))
        return self._tool(tool_events.started(tool))

    def tool_updated(self, tool: ToolStarted, update: ToolUpdated) -> Data:
        """A tool has produced something; `tool` is how it began."""
        data = self._tool(tool_events.updated(tool, update.partial))
        self._step("item", tool_events.item(tool, "update", "running"))
        if tool.name in COMMAND_TOOLS:
            self._step("command_output", tool_events.output(tool, update.partial))
        return data

    def tool_finished(self, tool: ToolStarted, result: ToolFinished) -> Data:
        """A tool has ended; `tool` is how it began."""
        data = self._tool(tool_events.finished(result))
        status = tool_events.ended_status(result)
        self._step("item", tool_events.item(tool, "end", status, endedAt=self._clock.now_ms()))
        if tool.name in COMMAND_TOOLS:
            self._step("command_output", tool_events.output_end(tool, result))
        return data

    # Ends: each publishes the last `chat` event of the run

    def final(self, stop_reason: str, *, command: bool = False) -> None:
        """The answer is complete."""
        event = self._end("final", stop_reason)
        event.message = self._message(command=command)
        self._publisher.publish(event)

    def merged(self) -> None:
        """The message was answered by the turn of another one."""
        self._publisher.publish(self._end("final", "stop"))

    def aborted(self, stop_reason: str, explanation: str | None = None) -> None:
        """Somebody ended the run; what was said so far stays."""
        event = self._end("aborted", stop_reason)
        event.message = self._message() if self.answer.chars else None
        event.error_message = explanation
        self._publisher.publish(event)

    def failed(
        self, explanation: str, kind: ErrorKind | None = None, detail: RunErrorDetail | None = None
    ) -> None:
        """There is no answer, or only a part of it."""
        event = self._end("error", None)
        event.error_message = explanation
        event.error_kind = kind
        event.error_detail = detail
        self._publisher.publish(event)

    def _end(self, state: ChatState, stop_reason: str | None) -> ChatEvent:
        self._stop_timer()
        event = self._event(state)
        event.stop_reason = stop_reason
        return event

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _message(self, *, command: bool = False) -> ChatMessage:
        return ChatMessage(
            role="assistant",
            content=[TextBlock(type="text", text=self.answer.text)],
            timestamp=self._clock.now_ms(),
            command=command or None,
        )

    def _tool(self, data: Data) -> Data:
        self.seq += 1
        self._agent("tool", data, to=takes_tools)
        return data

    def _step(self, stream: AgentStream, data: Data) -> None:
        self.seq += 1
        self._agent(stream, data)

    def _event(self, state: ChatState) -> ChatEvent:
        return ChatEvent(
            run_id=self._run.run_id,
            session_key=self._run.session_key,
            agent_id=self._run.agent_id,
            seq=self.seq,
            state=state,
        )

    def _agent(
        self,
        stream: AgentStream,
        data: Data,
        *,
        to: Callable[[Principal], bool] | None = None,
        drop_if_slow: bool = False,
    ) -> None:
        event = AgentEvent(
            run_id=self._run.run_id,
            stream=stream,
            data=data,
            session_key=self._run.session_key,
            agent_id=self._run.agent_id,
            seq=self.seq,
            ts=self._clock.now_ms(),
            is_heartbeat=False,
        )
        self._publisher.publish(event, to=to, drop_if_slow=drop_if_slow)
