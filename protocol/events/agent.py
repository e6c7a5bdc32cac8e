"""The inner steps of a run, for clients that show more than the answer."""

from typing import Literal

from protocol.errors import JsonValue
from protocol.method import Event, event
from protocol.scopes import BOTH, Scope

AgentStream = Literal["run_status", "lifecycle", "assistant", "item", "tool", "command_output", "usage"]


@event("agent", Scope.READ, roles=BOTH, nodes_by="session_key")
class AgentEvent(Event):
    """One inner step of a run.

    `data` by `stream`: `run_status` {phase}; `lifecycle` {phase: start|model|finishing|end|error, …};
    `assistant` {text, delta, itemId}; `item` {itemId, kind, phase, title, status, …}; `tool` {phase:
    start|update|result, name, toolCallId, args|partialResult|result, isError} (only to clients with the
    capability `tool-events`); `command_output` {itemId, phase, output, status, …}; `usage` {outputTokens}.
    """

    run_id: str
    stream: AgentStream
    data: dict[str, JsonValue]
    session_key: str
    agent_id: str
    seq: int
    """Counts within the run."""
    ts: int
    is_heartbeat: bool
