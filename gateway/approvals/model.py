"""Approvals and grants as they are stored."""

import msgspec

from gateway.approvals.binding import Binding
from protocol.nouns.approval import (
    Approval,
    ApprovalKind,
    ApprovalRequest,
    ApprovalSource,
    ApprovalStatus,
    Decision,
    ExecPresentation,
    Resolver,
    StandingGrant,
)

MAX_COMMAND_CHARS = 512
"""Of the command in the list of grants. Source: `ExecApprovalStandingGrant` in OpenClaw's schema."""


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
    binding: Binding | None = None
    """None for approvals of older versions, which can be looked at and not used."""
    requested_by: str | None = None
    """`Principal.actor` of who asked over the protocol."""
    consumed_ms: int | None = None
    """When it was used; it is good for one use."""

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
    grant_expires_ms: int | None = None
    """When a permission for good ends by itself."""


class StoredGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A permission for good, as its owner gave it once."""

    id: str
    approval_id: str
    digest: str
    """`Binding.grant_digest` of what it covers."""
    binding: Binding
    command: str
    """For people, harmless."""
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None = None
    revoked_by: str | None = None
    last_used_ms: int | None = None
    use_count: int = 0

    @property
    def noun(self) -> StandingGrant:
        """As OpenClaw's clients list it; where its "automation" stands is where the grant holds."""
        binding = self.binding
        place = binding.node_id or "gateway"
        return StandingGrant(
            grant_id=self.id,
            minted_by_approval_id=self.approval_id,
            agent_id=binding.agent_id or "operator",
            cron_job_id=place,
            cron_job_name=f"{binding.action} on {place}"[:200],
            command=self.command[:MAX_COMMAND_CHARS] or binding.action,
            cwd=binding.cwd[:MAX_COMMAND_CHARS] if binding.cwd else None,
            created_at_ms=self.created_ms,
            expires_at_ms=self.expires_ms,
            revoked_at_ms=self.revoked_ms,
            revoked_by=self.revoked_by,
            last_used_at_ms=self.last_used_ms,
            use_count=self.use_count,
        )
