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
