"""Approvals: something waits for a person's yes or no.

Source: `ApprovalSnapshot` and its parts in OpenClaw's schema (2026.9.1), and recorded approvals.
"""

from typing import Literal, TypeAlias

from protocol.errors import JsonValue
from protocol.method import UNSET, Maybe, Wire

ApprovalKind: TypeAlias = Literal["exec", "plugin", "system-agent"]

Decision: TypeAlias = Literal["allow-once", "allow-always", "deny"]

ApprovalStatus: TypeAlias = Literal["pending", "allowed", "denied", "expired", "cancelled"]


class ExecPresentation(Wire):
    """What a person is shown before a command runs."""

    kind: ApprovalKind
    command_text: str
    """The whole command; control and bidi characters are escaped, nothing is cut."""
    command_preview: str | None
    warning_text: str | None
    host: str | None
    node_id: str | None
    agent_id: str | None
    allowed_decisions: list[Decision]


class ApprovalSource(Wire):
    """Which agent and session asked."""

    agent_id: str | None = None
    session_key: str | None = None


class Resolver(Wire):
    """Who decided."""

    kind: Literal["device", "channel", "runtime", "system"]
    id: str | None = None


class Approval(Wire):
    """One approval, pending or decided."""

    id: str
    status: ApprovalStatus
    presentation: ExecPresentation
    url_path: str
    created_at_ms: int
    expires_at_ms: int
    resolved_at_ms: int | None = None
    reason: str | None = None
    """`user`, `timeout`, `run-aborted` or `gateway-restart`."""
    decision: Decision | None = None
    source: ApprovalSource | None = None
    resolver: Resolver | None = None


class ApprovalRequest(Wire):
    """A pending approval as it was asked for."""

    id: str
    request: dict[str, JsonValue]
    created_at_ms: int
    expires_at_ms: int
    approval_kind: Maybe[ApprovalKind] = UNSET


class SystemRunBinding(Wire):
    """What has to be equal when an approved program runs on a node."""

    argv: list[str]
    cwd: str | None
    agent_id: str | None
    session_key: str | None
    env_hash: str | None


class StandingGrant(Wire):
    """A permission for good.

    Source: `ExecApprovalStandingGrant` in OpenClaw's schema (2026.9.1). There such grants belong to cron
    jobs; here `cron_job_id` is the node it holds on, or `gateway`.
    """

    grant_id: str
    minted_by_approval_id: str
    agent_id: str
    cron_job_id: str
    cron_job_name: str | None
    command: str
    cwd: str | None
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    revoked_by: str | None
    last_used_at_ms: int | None
    use_count: int
