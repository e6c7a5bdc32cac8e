"""What scripted agents do in tests."""

import asyncio
from collections.abc import AsyncGenerator

from gateway.agents.model import (
    AgentFailed,
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


class Gate:
    """A script that says a word, waits until it is opened, and says another."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
        """The script."""
        yield ModelSelected("test", "gate-1")
        yield TextDelta(f"begun {turn.message}")
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        yield TextDelta(", done")
        yield Finished("stop")


class SteeredGate(Gate):
    """A gate that asks for steering once it is open."""

    async def __call__(self, turn: Turn, steering: Steering) -> AsyncGenerator[TurnEvent]:
        """The script."""
        yield TextDelta(f"begun {turn.message}")
        await self.opened.wait()
        for text in await steering.next_messages():
            yield TextDelta(f", also {text}")
        yield Finished("stop")


async def with_tool(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Talks, runs a program, talks."""
    yield ModelSelected("test", "tools-1")
    yield TextDelta("Let me look.")
    yield UsageReported(100, 5, 0, 0, 0.5)
    yield ToolStarted("c1", "exec", "Exec ls", {"command": "ls"})
    yield ToolUpdated("c1", "file\n")
    yield ToolFinished("c1", "exec", "file\nother", is_error=False, duration_ms=12)
    yield TextDelta("Two files.")
    yield UsageReported(120, 7, 0, 0, 0.25)
    yield Finished("stop")


async def failing(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Says something, then its provider fails."""
    yield TextDelta("Well")
    raise AgentFailed("The provider refused.", provider="test", model="m1", reason="rate_limit")


async def broken(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Has a bug."""
    yield TextDelta("Well")
    raise ZeroDivisionError


async def stubborn(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Ignores the first cancellation."""
    yield TextDelta("no")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)


async def chatty(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """A thousand small pieces at once."""
    for number in range(1000):
        yield TextDelta(f"{number} ")
    yield Finished("stop")


async def endless(_turn: Turn, _steering: Steering) -> AsyncGenerator[TurnEvent]:
    """Never stops talking."""
    while True:
        yield TextDelta("x" * 10_000)
        await asyncio.sleep(0)
