"""What a run came to, as the answers to `agent`, `agent.wait` and whoever else waits for it."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.chat.model import Outcome, Run
from protocol.errors import GatewayError, TimedOut, Unavailable
from protocol.methods.agent import AgentAnswer, RunOutcome
from protocol.nouns.run import (
    AckStatus,
    AgentMeta,
    ReplyPayload,
    RunMeta,
    RunResult,
    RunUsage,
    TerminalReply,
    WaitStatus,
)

HARNESS: Final = "homarus"
"""What executed the run, as `agentMeta.agentHarnessId`."""


def answer_of(run: Run) -> AgentAnswer:
    """The second answer to `agent`.

    Raises:
        GatewayError: when the run failed; the answer is the payload beside it, see `failure_of`.
    """
    outcome = run.outcome
    if outcome is not None and (outcome.status == "aborted" or _out_of_time(outcome)):
        return _stopped(run, outcome)
    if outcome is None or outcome.status != "done":
        raise failure_of(run)
    return AgentAnswer(run_id=run.run_id, status="ok", summary="completed", result=_result(run, outcome))


def failure_of(run: Run) -> GatewayError:
    """Why a run has no answer, as an error of the wire."""
    outcome = run.outcome
    if outcome is None:
        return Unavailable("the run has not ended")
    failure = outcome.failure
    if failure is not None and _out_of_time(outcome):
        return TimedOut(failure.message)
    text = failure.message if failure is not None else "The run was stopped before it had an answer."
    return Unavailable(text, {"runId": run.run_id, "stopReason": outcome.stop_reason})


def failed_answer(run: Run) -> AgentAnswer:
    """The payload beside the error of a run that failed; it holds what was said until then."""
    outcome = run.outcome
    return AgentAnswer(
        run_id=run.run_id,
        status="error",
        summary="failed" if outcome is None else outcome.status,
        result=None if outcome is None else _result(run, outcome),
    )


def waited(run: Run) -> RunOutcome:
    """The answer to `agent.wait`."""
    outcome = run.outcome
    if outcome is None:
        status: WaitStatus = "pending" if run.status == "accepted" else "timeout"
        return RunOutcome(run_id=run.run_id, status=status, started_at=run.started_ms)
    reply = TerminalReply(disposition="visible" if outcome.text else "none", text=reply_of(outcome) or None)
    return RunOutcome(
        run_id=run.run_id,
        status=_wait_status(outcome),
        started_at=run.started_ms,
        ended_at=run.ended_ms,
        error=None if outcome.status == "done" else failure_of(run).message,
        stop_reason=outcome.stop_reason,
        terminal_reply=reply,
    )


class Watchers:
    """Who waits for the end of which run. Rebuilt by the clients after a restart."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[Callable[[Run], None]]] = defaultdict(list)

    def add(self, run_id: str, callback: Callable[[Run], None]) -> None:
        """Call `callback` with the ended run, once."""
        self._waiting[run_id].append(callback)

    def remove(self, run_id: str, callback: Callable[[Run], None]) -> None:
        """Forget somebody who waits no longer."""
        callbacks = self._waiting.get(run_id, [])
        if callback in callbacks:
            callbacks.remove(callback)
        if not callbacks:
            self._waiting.pop(run_id, None)

    def ended(self, run: Run, outcome: Outcome, started_ms: int | None, ended_ms: int) -> None:
        """A run has ended."""
        callbacks = self._waiting.pop(run.run_id, ())
        if not callbacks:
            return
        over = msgspec.structs.replace(
            run, status=outcome.status, started_ms=started_ms, ended_ms=ended_ms, outcome=outcome
        )
        for callback in callbacks:
            callback(over)


def ack_status(run: Run) -> AckStatus:
    """What a repeat of the request is told: in work, or how it ended."""
    if run.outcome is None:
        return "in_flight"
    status = _wait_status(run.outcome)
    return "in_flight" if status == "pending" else status


def reply_of(outcome: Outcome) -> str:
    """What answers the message: the words after the last tool, or all when there are none after it."""
    return outcome.last_text or outcome.text


def _out_of_time(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.reason == "timeout"


def _stopped(run: Run, outcome: Outcome) -> AgentAnswer:
    """A run that was ended early is answered, not refused; `timeout` is the wire's word for both ways.

    Source: observed from OpenClaw 2026.9.6 after `chat.abort` and after `agent {timeout}`.
    """
    result = None
    if outcome.failure is not None:
        explained = ReplyPayload(text=outcome.failure.message, media_url=None, is_error=True)
        result = msgspec.structs.replace(_result(run, outcome), payloads=[explained])
    return AgentAnswer(
        run_id=run.run_id,
        status="timeout",
        summary="aborted",
        stop_reason=outcome.stop_reason,
        result=result,
    )


def _wait_status(outcome: Outcome) -> WaitStatus:
    if outcome.status == "done":
        return "ok"
    return "timeout" if _out_of_time(outcome) else "error"


def _result(run: Run, outcome: Outcome) -> RunResult:
    usage = outcome.usage
    reply = reply_of(outcome)
    return RunResult(
        payloads=[ReplyPayload(text=reply, media_url=None)] if reply else [],
        meta=RunMeta(
            duration_ms=(run.ended_ms or run.accepted_ms) - run.accepted_ms,
            agent_meta=AgentMeta(
                session_id=run.session_id,
                session_file=run.session_key,
                agent_harness_id=HARNESS,
                provider=outcome.provider,
                model=outcome.model,
                usage=RunUsage(
                    input=usage.input_tokens,
                    output=usage.output_tokens,
                    cache_read=usage.cache_read,
                    cache_write=usage.cache_write,
                    total=usage.input_tokens + usage.output_tokens,
                    cost=None if usage.cost_usd is None else {"total": usage.cost_usd},
                ),
            ),
            aborted=True if outcome.status in {"aborted", "interrupted"} else None,
            stop_reason=outcome.stop_reason,
        ),
    )
