"""Answers turns without a model: understands a sentence, asks one tool, and streams what it says."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from gateway.agents.model import (
    AgentProfile,
    Finished,
    ModelSelected,
    Steering,
    TextDelta,
    ToolFinished,
    ToolStarted,
    Turn,
    TurnEvent,
)
from gateway.agents.offline.understanding import Heard, Plan, understand
from gateway.agents.settings import OFFLINE_PROVIDER
from gateway.agents.tools import ToolContext, ToolRegistry, ToolResult, title_of
from gateway.kernel.clock import Clock
from protocol.ids import new_id

OFFLINE_NAME: Final = "offline"

PIECE_CHARS: Final = 16
"""About three words, which is what models send at a time."""

MAX_PIECES: Final = 60
"""Pieces of a long text grow instead of getting more."""

PAUSE_S: Final = 0.003
"""Between two pieces: a client sees a stream, and the longest answer takes less than a fifth of a second."""


class OfflineRuntime:
    """The embedded assistant of one agent."""

    def __init__(self, profile: AgentProfile, tools: ToolRegistry, clock: Clock, notice: str = "") -> None:
        self._profile = profile
        self._tools = tools
        self._clock = clock
        self._notice = notice

    async def run(self, turn: Turn, steering: Steering) -> AsyncIterator[TurnEvent]:
        """Answer the message, and whatever else arrives while answering."""
        yield ModelSelected(OFFLINE_PROVIDER, OFFLINE_NAME)
        if self._notice:
            async for event in self._stream(f"{self._notice}\n\n"):
                yield event
        async for event in self._answer(turn, turn.message, len(turn.attachments)):
            yield event
        while more := await steering.next_messages():
            for message in more:
                yield TextDelta("\n\n")
                async for event in self._answer(turn, message, 0):
                    yield event
        yield Finished("stop")

    async def _answer(self, turn: Turn, message: str, attachments: int) -> AsyncIterator[TurnEvent]:
        plan = understand(Heard(message, self._clock.now_ms(), attachments))
        if plan.tool is None:
            text = plan.reply({})
        else:
            call_id = new_id()
            yield ToolStarted(call_id, plan.tool, title_of(self._title(plan.tool), plan.args), plan.args)
            result = await self._call(turn, plan.tool, plan)
            yield ToolFinished(call_id, plan.tool, result.text, result.is_error, result.duration_ms)
            text = _reply(plan, result)
        async for event in self._stream(text):
            yield event

    async def _call(self, turn: Turn, tool: str, plan: Plan) -> ToolResult:
        context = ToolContext(
            agent_id=turn.agent_id,
            session_key=turn.session_key,
            run_id=turn.run_id,
            actor=turn.actor,
            scopes=turn.scopes,
        )
        return await self._tools.call(tool, context, plan.args, self._profile.tools_allow)

    def _title(self, name: str) -> str:
        return next((tool.title for tool in self._tools.all() if tool.name == name), name)

    async def _stream(self, text: str) -> AsyncIterator[TextDelta]:
        for number, piece in enumerate(pieces(text)):
            if number:
                await self._clock.sleep(PAUSE_S)
            yield TextDelta(piece)


def pieces(text: str) -> list[str]:
    """`text` cut between words into at most `MAX_PIECES` pieces that give it back when joined."""
    size = max(PIECE_CHARS, -(-len(text) // MAX_PIECES))
    cut: list[str] = []
    start = 0
    while start < len(text):
        end = start + size
        if end < len(text):
            space = text.find(" ", end)
            end = space + 1 if 0 <= space < end + size else end
        cut.append(text[start:end])
        start = end
    return cut


def _reply(plan: Plan, result: ToolResult) -> str:
    if result.is_error:
        return f"That did not work: {result.text}."
    try:
        return plan.reply(msgspec.json.decode(result.text))
    except msgspec.DecodeError:
        # Cut because it was too long: the beginning is still better than nothing.
        return result.text
