"""The last events of a run: how it ended, for everybody who watches the session."""

from typing import Final

from gateway.chat.answers import reply_of
from gateway.chat.limits import MAX_ERROR_CHARS
from gateway.chat.model import Failure, Outcome, Run
from gateway.chat.stream import RunStream
from gateway.chat.tool_events import Data
from gateway.chat.turn import LiveTurn
from protocol.errors import JsonValue
from protocol.nouns.run import ErrorKind, RunErrorDetail

_ERROR_KINDS: Final[dict[str, ErrorKind]] = {
    "timeout": "timeout",
    "rate_limit": "rate_limit",
    "context_overflow": "context_length",
}


def tell(live: LiveTurn, outcome: Outcome, started_ms: int, ended_ms: int) -> None:
    """Publish the last events of a turn, for its own run and for those that joined it."""
    stream = live.stream
    stream.flush()
    if outcome.status == "done":
        stream.lifecycle(_finishing(outcome, ended_ms))
    stream.lifecycle(_last(live.run, outcome, started_ms, ended_ms))
    if outcome.status == "done":
        stream.final(outcome.stop_reason, command=live.run.request.is_command)
    else:
        tell_early(stream, outcome)
    live.phase("dispatch-completed")
    live.phase("post-dispatch-completed")


def tell_early(stream: RunStream, outcome: Outcome) -> None:
    """Publish the last event of a run that was not answered to its end."""
    failure = outcome.failure
    if outcome.status == "done":
        stream.merged()
    elif outcome.status == "failed" and failure is not None:
        detail = RunErrorDetail(
            provider=_short(failure.provider),
            model=_short(failure.model),
            failover_reason=_short(failure.reason),
        )
        kind = _ERROR_KINDS.get(failure.reason or "", "unknown")
        stream.failed(failure.message, kind, detail if failure.provider is not None else None)
    else:
        stream.aborted(outcome.stop_reason, None if failure is None else failure.message)


def _finishing(outcome: Outcome, ended_ms: int) -> Data:
    return {
        "phase": "finishing",
        "stopReason": outcome.stop_reason,
        "aborted": False,
        "livenessState": "working",
        "endedAt": ended_ms,
    }


def _last(run: Run, outcome: Outcome, started_ms: int, ended_ms: int) -> Data:
    times: Data = {"startedAt": started_ms, "endedAt": ended_ms}
    if outcome.status == "failed":
        failure = outcome.failure or Failure(message="")
        return {
            "phase": "error",
            "error": failure.message,
            "errorObservation": _observation(failure),
            "aborted": False,
            "livenessState": "blocked",
            "executionSettled": True,
            **times,
        }
    if outcome.status != "done":
        reason = outcome.stop_reason
        return {"phase": "end", "status": "cancelled", "aborted": True, "stopReason": reason, **times}
    reply = reply_of(outcome)
    return {
        "phase": "end",
        "stopReason": outcome.stop_reason,
        "aborted": False,
        "livenessState": "working",
        "replayInvalid": bool(outcome.tools),
        "terminalReply": {"disposition": "visible" if reply else "none", "text": reply},
        "terminalReceipt": _receipt(run, outcome),
        "executionSettled": True,
        **times,
    }


def _receipt(run: Run, outcome: Outcome) -> JsonValue:
    model: Data = {"provider": outcome.provider, "model": outcome.model}
    return {
        "runId": run.run_id,
        "sessionId": run.session_id,
        "turnId": run.run_id,
        "requested": model,
        "effective": model,
        "successfulToolNames": list(outcome.tools),
        "rerouted": False,
        "terminalDisposition": "visible",
    }


def _observation(failure: Failure) -> JsonValue:
    return {"provider": failure.provider, "model": failure.model, "failoverReason": failure.reason}


def _short(text: str | None) -> str | None:
    return None if text is None else text[:MAX_ERROR_CHARS]
