"""Questions an agent asks a person, and their answers.

Source: `Question*` definitions of OpenClaw's schema (2026.9.1). Times are Unix milliseconds.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Wire

QuestionId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]

QuestionStatus = Literal["pending", "answered", "cancelled", "expired"]


class QuestionOption(Wire):
    """One choice."""

    label: Annotated[str, Meta(min_length=1, max_length=500)]
    description: Annotated[str, Meta(max_length=2000)] | None = None


class Question(Wire):
    """One question with its choices; `is_other` allows free text besides them."""

    question_id: QuestionId
    header: Annotated[str, Meta(max_length=12)]
    question: Annotated[str, Meta(min_length=1, max_length=4000)]
    options: Annotated[list[QuestionOption], Meta(max_length=4)]
    multi_select: bool | None = None
    is_other: bool | None = None


class QuestionAnswers(Wire):
    """Chosen labels or free texts by question id."""

    answers: dict[str, list[Annotated[str, Meta(max_length=8000)]]]


class QuestionRecord(Wire):
    """Questions asked together, and what became of them."""

    id: str
    questions: list[Question]
    created_at_ms: int
    expires_at_ms: int
    status: QuestionStatus
    agent_id: str | None = None
    session_key: str | None = None
    run_id: str | None = None
    answers: QuestionAnswers | None = None
    resolved_by: str | None = None
