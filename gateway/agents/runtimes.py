"""Which runtime answers a turn: chosen by the agent, and by the model the session asked for."""

from collections.abc import AsyncIterator, Callable

from gateway.agents.model import AgentProfile, AgentRuntime, Steering, Turn, TurnEvent
from gateway.agents.settings import OFFLINE_MODEL

Maker = Callable[[AgentProfile], AgentRuntime]


class Runtimes:
    """Makes the runtime of an agent. Making one is cheap; what is expensive waits for its first turn."""

    def __init__(self, *, offline: Maker, llm: Maker, command: Maker) -> None:
        self._offline = offline
        self._llm = llm
        self._command = command

    def of(self, profile: AgentProfile) -> AgentRuntime:
        """The runtime of an agent, which follows the model each turn asks for."""
        if profile.runtime == "command":
            return self._command(profile)
        return _ByModel(profile, self._offline, self._llm)


class _ByModel:
    def __init__(self, profile: AgentProfile, offline: Maker, llm: Maker) -> None:
        self._profile = profile
        self._offline = offline
        self._llm = llm

    def reads_history(self, model: str | None) -> bool:
        """The embedded assistant reads only the last message."""
        return (model or self._profile.model) != OFFLINE_MODEL

    def run(self, turn: Turn, steering: Steering) -> AsyncIterator[TurnEvent]:
        """Answer with the model of the turn, else the agent's own."""
        make = self._llm if self.reads_history(turn.model) else self._offline
        return make(self._profile).run(turn, steering)
