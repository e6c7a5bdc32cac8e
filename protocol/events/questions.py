"""Events about questions."""

from protocol.method import Event, event
from protocol.nouns.question import Question, QuestionAnswers, QuestionStatus
from protocol.scopes import Scope


@event("question.requested", Scope.QUESTIONS)
class QuestionRequested(Event):
    """A question waits."""

    id: str
    questions: list[Question]
    created_at_ms: int
    expires_at_ms: int
    status: QuestionStatus
    agent_id: str | None = None
    session_key: str | None = None
    run_id: str | None = None


@event("question.resolved", Scope.QUESTIONS)
class QuestionResolved(Event):
    """A question is settled."""

    id: str
    status: QuestionStatus
    answers: QuestionAnswers | None = None
