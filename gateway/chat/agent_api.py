"""`agent` and `agent.wait` over RPC."""

from gateway.chat.answers import Watchers, answer_of, failed_answer, waited
from gateway.chat.intake import Intake
from gateway.chat.model import Run
from gateway.chat.runbook import RunBook
from gateway.chat.service import Chat
from gateway.chat.sources import from_agent
from gateway.kernel.rpc.context import Ctx, FinalFailure
from gateway.kernel.rpc.router import handles
from gateway.tasks.service import TaskLedger
from protocol.errors import GatewayError, NotFound
from protocol.methods.agent import Agent, AgentAnswer, AgentWait, RunOutcome


class AgentApi:
    """Runs agents for programs."""

    def __init__(
        self, *, chat: Chat, intake: Intake, book: RunBook, ledger: TaskLedger, watchers: Watchers
    ) -> None:
        self._chat = chat
        self._intake = intake
        self._book = book
        self._ledger = ledger
        self._watchers = watchers

    @handles(Agent)
    async def run(self, ctx: Ctx, call: Agent) -> AgentAnswer:
        """Accept a message; the result follows as a second answer on the same request."""
        received = await self._intake.receive(from_agent(ctx, call), self._chat)
        if received.message is None:
            return await self._repeated(received.run_id)
        run = received.message.run
        if received.task is not None:
            self._ledger.announce(received.task)
        self._watchers.add(run.run_id, lambda ended: ctx.answer_again(_second_answer(ended)))
        self._chat.submit(received.message)
        return AgentAnswer(
            run_id=run.run_id,
            status="accepted",
            session_key=run.session_key,
            agent_id=run.agent_id,
            accepted_at=run.accepted_ms,
        )

    @handles(AgentWait)
    async def wait(self, _ctx: Ctx, call: AgentWait) -> RunOutcome:
        """The end of a run, or that it has not come."""
        run = await self._chat.wait(call.run_id, call.timeout_ms / 1000)
        if run is None:
            raise NotFound(f"runId: there is no run {call.run_id}", {"field": "runId"})
        return waited(run)

    async def _repeated(self, run_id: str) -> AgentAnswer:
        run = await self._book.get(run_id)
        if run is None:
            raise NotFound(f"idempotencyKey: the run {run_id} was forgotten; use a fresh key")
        if run.outcome is not None:
            return answer_of(run)
        return AgentAnswer(
            run_id=run_id, status="in_flight", session_key=run.session_key, agent_id=run.agent_id
        )


def _second_answer(run: Run) -> AgentAnswer | FinalFailure:
    try:
        return answer_of(run)
    except GatewayError as failure:
        return FinalFailure(failure, failed_answer(run))
