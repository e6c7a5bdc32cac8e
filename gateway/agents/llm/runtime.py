"""The door to the engine: it is imported, in a thread, when the first turn needs it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from gateway.agents.model import AgentFailed, AgentProfile, Steering, Turn, TurnEvent
from gateway.agents.provider_status import NEEDS_LLM, llm_installed

if TYPE_CHECKING:
    from gateway.agents.llm.engine import LlmEngine


class EngineDoor:
    """Makes the one engine of the gateway when somebody asks for it."""

    def __init__(self, make: "Callable[[type[LlmEngine]], LlmEngine]") -> None:
        self._make = make
        self._engine: LlmEngine | None = None
        self._opening = asyncio.Lock()

    async def engine(self) -> "LlmEngine":
        """The engine. The first call takes about a second; the event loop goes on meanwhile.

        Raises:
            ImportError: the llm extra is not installed, or broken.
        """
        async with self._opening:
            if self._engine is None:
                self._engine = self._make(await asyncio.to_thread(_engine_type))
        return self._engine

    async def close(self) -> None:
        """Close the engine if there is one."""
        if self._engine is not None:
            await self._engine.close()


class LlmRuntime:
    """Answers turns of one agent with language models."""

    def __init__(self, profile: AgentProfile, door: EngineDoor) -> None:
        self._profile = profile
        self._door = door

    async def run(self, turn: Turn, steering: Steering) -> AsyncIterator[TurnEvent]:
        """Answer one turn.

        Raises:
            AgentFailed: no model could answer.
        """
        engine = await self._opened(turn)
        async with aclosing(engine.run(self._profile, turn, steering)) as events:
            async for event in events:
                yield event

    async def _opened(self, turn: Turn) -> "LlmEngine":
        provider, _, model = (turn.model or self._profile.model).partition("/")
        if not llm_installed():
            raise AgentFailed(
                f"LLM request not made: {NEEDS_LLM}", provider=provider, model=model, reason="unavailable"
            )
        try:
            return await self._door.engine()
        except ImportError as error:
            message = f"LLM request not made: the llm extra is incomplete ({error})"
            raise AgentFailed(message, provider=provider, model=model, reason="unavailable") from error


def _engine_type() -> "type[LlmEngine]":
    from gateway.agents.llm.engine import LlmEngine

    return LlmEngine
