"""Carries out a job's run on the one road: its message is accepted, routed and answered like any other."""

from typing import Final

import msgspec

from gateway.agents.model import AgentDirectory
from gateway.channels.service import ChannelRegistry
from gateway.chat.intake import Incoming, Intake
from gateway.chat.model import Outcome, RunRequest, Sender
from gateway.chat.service import Chat
from gateway.cron.model import Job, Result, Run
from gateway.kernel.rpc.idempotency import OutcomeUnknown
from gateway.sessions.model import Seed
from protocol.errors import GatewayError
from protocol.ids import new_id
from protocol.methods.channels import MessageAction
from protocol.nouns.cron import AgentTurnPayload, Delivery, DeliveryStatus, RunOutcome
from protocol.scopes import Scope

WAIT_S: Final = 3600.0
"""How long one wait for a turn lasts before it is renewed; the turn has a deadline of its own."""

MAX_SUMMARY_CHARS: Final = 2000
"""What the ledger keeps of an answer; the whole of it is in the session."""


class ChatPerformer:
    """Performs runs through chat, which recognises a run id it has seen, also after a crash."""

    def __init__(self, intake: Intake, chat: Chat, agents: AgentDirectory, channels: ChannelRegistry) -> None:
        self._intake = intake
        self._chat = chat
        self._agents = agents
        self._channels = channels

    async def perform(self, job: Job, run: Run) -> Result:
        """See `Performer.perform`."""
        try:
            received = await self._intake.receive(self._incoming(job, run), self._chat)
        except GatewayError as error:
            return Result(outcome="error", error=error.message)
        if received.message is not None:
            self._chat.submit(received.message)
        while True:
            turn = await self._chat.wait(received.run_id, WAIT_S)
            if turn is None:
                return Result(outcome="error", error="the run is not known any more")
            if turn.outcome is not None:
                break
        answered = _answered(turn.outcome, received.session_key, turn.session_id)
        return await self._delivered(job, run, answered)

    def _incoming(self, job: Job, run: Run) -> Incoming:
        payload = job.definition.payload
        is_turn = isinstance(payload, AgentTurnPayload)
        agent_id = job.agent_id or self._agents.default_agent_id
        request = RunRequest(
            sender=Sender(actor=f"cron:{job.id}", scopes=(Scope.READ, Scope.WRITE)),
            trace_id=new_id().replace("-", ""),
            model=payload.model if is_turn else None,
            thinking=payload.thinking if is_turn else None,
            timeout_s=payload.timeout_seconds if is_turn else None,
        )
        return Incoming(
            kind="channel",
            origin=f"cron/{job.id}",
            external_id=run.run_id,
            run_id=run.run_id,
            text=payload.message if is_turn else f"System event: {payload.text}",
            request=request,
            seed=Seed(created_via="cron"),
            channel="cron",
            account=job.id,
            sender=job.id,
            sender_name=job.name,
            session_key=_session_key(agent_id, job, run),
            agent_id=agent_id,
            queue_mode="followup",
        )

    async def _delivered(self, job: Job, run: Run, result: Result) -> Result:
        delivery = job.definition.delivery
        if delivery is None or delivery.mode == "none" or result.outcome != "ok":
            return result
        try:
            await self._channels.act(f"cron:{job.id}", _message(delivery, run, result))
        except GatewayError as error:
            status = "unknown" if isinstance(error, OutcomeUnknown) else "not-delivered"
            outcome = "ok" if delivery.best_effort else "error"
            return _with_delivery(result, outcome, status, error.message)
        return _with_delivery(result, "ok", "delivered", None)


def _answered(outcome: Outcome, session_key: str, session_id: str) -> Result:
    usage = outcome.usage
    return Result(
        outcome="ok" if outcome.status == "done" else "error",
        summary=outcome.text[:MAX_SUMMARY_CHARS] or None,
        error=None if outcome.status == "done" else _why(outcome),
        session_key=session_key,
        session_id=session_id,
        provider=outcome.provider,
        model=outcome.model,
        usage={
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    )


def _why(outcome: Outcome) -> str:
    return outcome.failure.message if outcome.failure is not None else f"the run was {outcome.status}"


def _with_delivery(result: Result, outcome: RunOutcome, status: DeliveryStatus, error: str | None) -> Result:
    return msgspec.structs.replace(
        result,
        outcome=outcome,
        error=result.error if outcome == "ok" else error,
        delivery_status=status,
        delivery_error=error,
    )


def _message(delivery: Delivery, run: Run, result: Result) -> MessageAction:
    return MessageAction(
        channel=delivery.channel or "last",
        action="send",
        params={"to": delivery.to, "message": result.summary, "threadId": delivery.thread_id},
        idempotency_key=f"delivery:{run.run_id}"[:128],
        account_id=delivery.account_id,
    )


def _session_key(agent_id: str, job: Job, run: Run) -> str:
    target = job.definition.session_target
    if target == "isolated":
        return f"agent:{agent_id}:cron:{job.id}:run:{run.slot_ms or run.claimed_ms}"
    if target in {"main", "current"}:
        return job.definition.session_key or f"agent:{agent_id}:main"
    return target
