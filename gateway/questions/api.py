"""Question methods."""

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.questions.service import Questions
from protocol.methods.questions import (
    PendingQuestions,
    QuestionAsked,
    QuestionGet,
    QuestionList,
    QuestionOutcome,
    QuestionRequest,
    QuestionResolve,
    QuestionView,
    QuestionWaitAnswer,
)


class QuestionsApi:
    """Answers for questions."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    @handles(QuestionRequest)
    async def request(self, _: Ctx, call: QuestionRequest) -> QuestionAsked:
        """See `QuestionRequest`."""
        record = await self._questions.ask(call)
        return QuestionAsked(id=record.id, expires_at_ms=record.expires_at_ms)

    @handles(QuestionWaitAnswer)
    async def wait(self, _: Ctx, call: QuestionWaitAnswer) -> QuestionOutcome:
        """See `QuestionWaitAnswer`."""
        return await self._questions.wait(call.id, call.timeout_ms)

    @handles(QuestionResolve)
    async def resolve(self, ctx: Ctx, call: QuestionResolve) -> QuestionOutcome:
        """See `QuestionResolve`."""
        return await self._questions.resolve(call, call.resolved_by or ctx.principal.actor)

    @handles(QuestionGet)
    async def get(self, _: Ctx, call: QuestionGet) -> QuestionView:
        """See `QuestionGet`."""
        return QuestionView(question=await self._questions.get(call.id))

    @handles(QuestionList)
    async def list(self, _: Ctx, __: QuestionList) -> PendingQuestions:
        """See `QuestionList`."""
        return PendingQuestions(questions=await self._questions.pending())
