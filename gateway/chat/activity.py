"""What agents do, for the audit log: runs and tools, when and with what end, without any content.

Source: actions, statuses and error codes of `AuditEvent` in OpenClaw's schema (2026.9.1).
"""

from collections.abc import Callable
from typing import Final

from gateway.chat.stream import Publisher
from gateway.kernel.audit.trail import Recorder
from gateway.kernel.bus import Bus
from gateway.kernel.facts import RunEnded
from gateway.kernel.rpc.context import Principal
from protocol.errors import JsonValue
from protocol.events.agent import AgentEvent
from protocol.method import Event

_RUN_ERRORS: Final = {"failed": "run_failed", "cancelled": "run_cancelled", "timed_out": "run_timed_out"}


class AuditedPublisher:
    """A publisher that also records how runs and tools begin and end, and says so on the bus."""

    def __init__(self, publisher: Publisher, log: Recorder, bus: Bus) -> None:
        self._publisher = publisher
        self._log = log
        self._bus = bus

    def publish(
        self,
        event: Event,
        *,
        to: Callable[[Principal], bool] | None = None,
        drop_if_slow: bool = False,
    ) -> None:
        """Publish, and record what is worth it."""
        self._publisher.publish(event, to=to, drop_if_slow=drop_if_slow)
        if isinstance(event, AgentEvent):
            if event.stream == "lifecycle":
                self._run(event)
            elif event.stream == "tool":
                self._tool(event)

    def _run(self, event: AgentEvent) -> None:
        status = _run_status(event)
        if status is not None:
            if status != "started":
                self._bus.publish(RunEnded(event.run_id))
            self._record(event, "agent.run", status, _RUN_ERRORS.get(status), {})

    def _tool(self, event: AgentEvent) -> None:
        phase, data = event.data.get("phase"), event.data
        if phase not in {"start", "result"}:
            return
        status = "started" if phase == "start" else "failed" if data.get("isError") else "succeeded"
        error = "tool_failed" if status == "failed" else None
        tool = {"toolName": str(data.get("name")), "toolCallId": str(data.get("toolCallId"))}
        self._record(event, "tool.action", status, error, tool)

    def _record(
        self, event: AgentEvent, family: str, status: str, error: str | None, more: dict[str, str]
    ) -> None:
        details: dict[str, str | int] = {
            "agentId": event.agent_id,
            "runId": event.run_id,
            "sessionKey": event.session_key,
            "sourceSequence": event.seq,
            "status": status,
            **more,
        }
        if error is not None:
            details["errorCode"] = error
        self._log.record(
            f"{family}.{'started' if status == 'started' else 'finished'}",
            actor=f"agent:{event.agent_id}",
            subject=event.run_id,
            outcome="ok" if status in {"started", "succeeded"} else status,
            details=details,
        )


def _run_status(event: AgentEvent) -> str | None:
    data = event.data
    match data.get("phase"):
        case "start":
            return "started"
        case "error":
            return "timed_out" if _failed_by_timeout(data.get("errorObservation")) else "failed"
        case "end" if data.get("aborted"):
            return "cancelled"
        case "end":
            return "succeeded"
        case _:
            return None


def _failed_by_timeout(observation: JsonValue) -> bool:
    return isinstance(observation, dict) and observation.get("failoverReason") == "timeout"
