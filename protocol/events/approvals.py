"""Events about approvals."""

from typing import Literal

from protocol.errors import JsonValue
from protocol.method import Event, event
from protocol.nouns.approval import Approval, ApprovalKind, Decision
from protocol.scopes import Scope


@event("exec.approval.requested", Scope.APPROVALS)
class ExecApprovalRequested(Event):
    """A command waits for permission."""

    approval_kind: ApprovalKind
    id: str
    request: dict[str, JsonValue]
    created_at_ms: int
    expires_at_ms: int


@event("exec.approval.resolved", Scope.APPROVALS)
class ExecApprovalResolved(Event):
    """Somebody decided, or time ran out (`decision` null)."""

    id: str
    decision: Decision | None
    resolved_by: str | None
    ts: int
    request: dict[str, JsonValue]


@event("session.approval", Scope.APPROVALS)
class SessionApproval(Event):
    """The same for whoever watches the session."""

    session_key: str
    source_session_key: str
    updated_at_ms: int
    phase: Literal["pending", "terminal"]
    approval: Approval
