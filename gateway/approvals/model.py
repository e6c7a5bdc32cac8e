"""An approval as it is stored."""

import msgspec

from protocol.nouns.approval import (
    Approval,
    ApprovalKind,
    ApprovalRequest,
    ApprovalSource,
    ApprovalStatus,
    Decision,
    ExecPresentation,
    Resolver,
)


class StoredApproval(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `request` and `presentation` are encoded JSON."""

    id: str
    kind: ApprovalKind
    status: ApprovalStatus
    request: bytes
    presentation: bytes
    agent_id: str | None
    session_key: str | None
    created_ms: int
    expires_ms: int
    resolved_ms: int | None = None
    decision: Decision | None = None
    reason: str | None = None
    resolver: Resolver | None = None

    @property
    def shown(self) -> ExecPresentation:
        """What a person sees."""
        return msgspec.json.decode(self.presentation, type=ExecPresentation)

    @property
    def asked(self) -> ApprovalRequest:
        """The request as it was made."""
        return ApprovalRequest(
            id=self.id,
            request=msgspec.json.decode(self.request),
            created_at_ms=self.created_ms,
            expires_at_ms=self.expires_ms,
            approval_kind=self.kind,
        )

    @property
    def snapshot(self) -> Approval:
        """The state for clients; who asked is only told once it is decided, as the original does."""
        decided = self.status != "pending"
        return Approval(
            id=self.id,
            status=self.status,
            presentation=self.shown,
            url_path=f"/approve/{self.id}",
            created_at_ms=self.created_ms,
            expires_at_ms=self.expires_ms,
            resolved_at_ms=self.resolved_ms,
            reason=self.reason,
            decision=self.decision,
            source=ApprovalSource(agent_id=self.agent_id, session_key=self.session_key) if decided else None,
            resolver=self.resolver,
        )


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a pending approval ends."""

    status: ApprovalStatus
    reason: str
    resolver: Resolver
    decision: Decision | None = None
