"""What clients are told about approvals."""

from gateway.approvals.model import StoredApproval
from gateway.kernel.net.hub import Hub
from protocol.events.approvals import ExecApprovalRequested, ExecApprovalResolved, SessionApproval


class ApprovalNews:
    """Publishes the events."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def asked(self, approval: StoredApproval) -> None:
        """Something waits for a person."""
        asked = approval.asked
        self._hub.publish(
            ExecApprovalRequested(
                approval_kind=approval.kind,
                id=approval.id,
                request=asked.request,
                created_at_ms=approval.created_ms,
                expires_at_ms=approval.expires_ms,
            )
        )
        self._session(approval)

    def ended(self, approval: StoredApproval) -> None:
        """It waits no longer."""
        resolver = approval.resolver
        self._hub.publish(
            ExecApprovalResolved(
                id=approval.id,
                decision=approval.decision,
                resolved_by=None if resolver is None else resolver.id,
                ts=approval.resolved_ms or 0,
                request=approval.asked.request,
            )
        )
        self._session(approval)

    def _session(self, approval: StoredApproval) -> None:
        """The same for whoever watches the session."""
        if approval.session_key is None:
            return
        pending = approval.status == "pending"
        self._hub.publish(
            SessionApproval(
                session_key=approval.session_key,
                source_session_key=approval.session_key,
                updated_at_ms=approval.created_ms if pending else approval.resolved_ms or 0,
                phase="pending" if pending else "terminal",
                approval=approval.snapshot,
            )
        )
