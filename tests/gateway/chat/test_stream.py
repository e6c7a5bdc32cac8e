"""When text events are sent, and to whom."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.agents.model import ToolFinished, ToolStarted, ToolUpdated
from gateway.chat import stream as stream_module
from gateway.chat.limits import MAX_EVENT_TEXT_CHARS
from gateway.chat.model import Run, RunRequest, Sender
from gateway.chat.stream import RunStream
from gateway.kernel.rpc.context import Principal
from gateway.sessions.keys import SessionKey
from protocol.events.agent import AgentEvent
from protocol.events.chat import ChatEvent
from protocol.method import Event
from tests.support.clock import FakeClock

RUN = Run(
    run_id="k1",
    inbox_id=1,
    kind="chat",
    session_key=SessionKey("agent:main:main"),
    session_id="s1",
    agent_id="main",
    status="running",
    queue_mode="steer",
    merged_into=None,
    request=RunRequest(sender=Sender(actor="device-1"), trace_id="t"),
    accepted_ms=1,
)


class Listener:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.droppable: list[Event] = []
        self.aimed: list[Event] = []
        """Those not for everybody."""

    def publish(
        self,
        event: Event,
        *,
        to: Callable[[Principal], bool] | None = None,
        drop_if_slow: bool = False,
    ) -> None:
        """Keep an event."""
        self.events.append(event)
        if to is not None:
            self.aimed.append(event)
        if drop_if_slow:
            self.droppable.append(event)

    @property
    def deltas(self) -> list[str | None]:
        """`deltaText` of every chat event that has one."""
        chats = [event for event in self.events if isinstance(event, ChatEvent)]
        return [event.delta_text for event in chats if event.state == "delta"]


class Bench:
    """A stream with its clock and listener."""

    def __init__(self) -> None:
        self.clock, self.listener = FakeClock(), Listener()
        self.stream = RunStream(RUN, self.listener, self.clock)


class TestText:
    """Coalescing."""

    async def test_the_first_piece_goes_at_once_and_the_next_ones_together(self) -> None:
        bench = Bench()
        bench.stream.say("a")
        bench.stream.say("b")
        bench.stream.say("c")
        assert bench.listener.deltas == ["a"]
        bench.clock.move(0.05)
        bench.stream.say("d")
        assert bench.listener.deltas == ["a", "bcd"]

    async def test_what_waits_is_sent_though_nothing_follows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream_module, "DELTA_INTERVAL_S", 0.01)
        bench = Bench()
        bench.stream.say("a")
        bench.stream.say("b")
        await asyncio.sleep(0.05)
        assert bench.listener.deltas == ["a", "b"]

    async def test_a_long_text_is_repeated_less_often(self) -> None:
        bench = Bench()
        bench.stream.say("x" * 100_000)
        bench.clock.move(0.2)
        bench.stream.say("y")
        assert len(bench.listener.deltas) == 1
        bench.clock.move(0.06)
        bench.stream.say("z")
        assert bench.listener.deltas[1:] == ["yz"]
        bench.stream.final("stop")

    async def test_only_repeated_text_may_be_dropped_for_a_slow_client(self) -> None:
        bench = Bench()
        bench.stream.status("starting_model")
        bench.stream.say("a")
        bench.stream.lifecycle({"phase": "end"})
        bench.stream.final("stop")
        kinds = [
            event.state if isinstance(event, ChatEvent) else event.stream
            for event in bench.listener.droppable
            if isinstance(event, ChatEvent | AgentEvent)
        ]
        assert kinds == ["assistant", "delta"]

    async def test_no_text_comes_after_the_end(self) -> None:
        bench = Bench()
        bench.stream.say("a")
        bench.stream.say("b")
        bench.stream.aborted("rpc")
        await asyncio.sleep(0.08)
        last = bench.listener.events[-1]
        assert isinstance(last, ChatEvent)
        assert (last.state, last.message and last.message.content[0].text) == ("aborted", "ab")


class TestTools:
    """Bounds and kinds."""

    async def test_long_results_are_cut(self) -> None:
        bench = Bench()
        tool = ToolStarted("c1", "exec", "Exec", {})
        bench.stream.tool_started(tool)
        bench.stream.tool_updated(tool, ToolUpdated("c1", "a" * 50_000 + "end"))
        result = ToolFinished("c1", "exec", "begin" + "b" * 50_000, is_error=True, duration_ms=1)
        data = bench.stream.tool_finished(tool, result)
        assert data["isError"] is True
        outputs = [
            str(event.data["output"])
            for event in bench.listener.events
            if isinstance(event, AgentEvent) and event.stream == "command_output"
        ]
        assert [len(text) for text in outputs] == [MAX_EVENT_TEXT_CHARS] * 2
        assert outputs[0].endswith("end")
        assert outputs[1].startswith("begin")

    async def test_only_programs_have_output(self) -> None:
        bench = Bench()
        tool = ToolStarted("c1", "memory_search", "Search", {})
        bench.stream.tool_started(tool)
        bench.stream.tool_finished(
            tool, ToolFinished("c1", "memory_search", "x", is_error=False, duration_ms=1)
        )
        streams = {event.stream for event in bench.listener.events if isinstance(event, AgentEvent)}
        assert streams == {"item", "tool"}
        aimed = [event.stream for event in bench.listener.aimed if isinstance(event, AgentEvent)]
        assert aimed == ["tool", "tool"]
