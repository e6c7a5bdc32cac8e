"""Asking a person, and answering.

Source: `Question*Params` of OpenClaw's schema (2026.9.1).
"""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.question import Question, QuestionAnswers, QuestionRecord, QuestionStatus
from protocol.scopes import Scope

Id = Annotated[str, Meta(min_length=1, max_length=128)]

TimeoutMs = Annotated[int, Meta(ge=1, le=86_400_000)]


class QuestionAsked(Wire):
    """Where the answer will be found."""

    id: str
    expires_at_ms: int


class QuestionOutcome(Wire):
    """Where a question stands."""

    status: QuestionStatus
    answers: QuestionAnswers | None = None


class PendingQuestions(Wire):
    """Questions that wait."""

    questions: list[QuestionRecord]


class QuestionView(Wire):
    """One record."""

    question: QuestionRecord


@method("question.request", Scope.QUESTIONS)
class QuestionRequest(Call[QuestionAsked]):
    """Ask; the answer is waited for with `question.waitAnswer`."""

    questions: Annotated[list[Question], Meta(min_length=1, max_length=3)]
    id: Id | None = None
    agent_id: Id | None = None
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    run_id: Id | None = None
    timeout_ms: TimeoutMs | None = None


@method("question.waitAnswer", Scope.QUESTIONS)
class QuestionWaitAnswer(Call[QuestionOutcome]):
    """Wait for the answer; `pending` when `timeout_ms` passes first.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`).
    """

    id: Id
    timeout_ms: TimeoutMs | None = None


@method("question.resolve", Scope.QUESTIONS)
class QuestionResolve(Call[QuestionOutcome]):
    """Answer, or cancel.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`, or `CONFLICT` when it is settled already).
    """

    id: Id
    answers: QuestionAnswers | None = None
    cancel: bool = False
    resolved_by: Id | None = None


@method("question.get", Scope.QUESTIONS)
class QuestionGet(Call[QuestionView]):
    """One record.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`).
    """

    id: Id


@method("question.list", Scope.QUESTIONS)
class QuestionList(Call[PendingQuestions]):
    """Questions that wait for an answer, oldest first."""
