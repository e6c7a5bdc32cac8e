"""Asking for approval, deciding, and looking back.

Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md, "Approval families" (2026.9.6).
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.commands.system import Ask, Security, SystemRunPlan
from protocol.method import Call, Done, Wire, method
from protocol.nouns.approval import Approval, ApprovalKind, ApprovalRequest, Decision, StandingGrant
from protocol.nouns.exec_rules import ExecRules
from protocol.scopes import Scope

Id = Annotated[str, Meta(min_length=1, max_length=128)]

Text = Annotated[str, Meta(max_length=65_536)]

Name = Annotated[str, Meta(min_length=1, max_length=1024)]

Days = Annotated[int, Meta(ge=1, le=3650)]


class Verdict(Wire):
    """The outcome of a request; `decision` is null when nobody decided in time."""

    id: str
    decision: Decision | None
    created_at_ms: int
    expires_at_ms: int
    status: str | None = None
    """`accepted` in the first of two answers."""


class ApprovalView(Wire):
    """One approval."""

    approval: Approval


class ApprovalResolution(Wire):
    """What is recorded now; `applied` is false when somebody else had decided before."""

    applied: bool
    approval: Approval


class ApprovalPage(Wire):
    """Decided approvals, newest first."""

    items: list[Approval]
    next_cursor: str | None = None


class ApprovalPlan(SystemRunPlan):
    """A node's plan; some senders leave the preview out."""

    command_preview: str | None = None


@method("exec.approval.request", Scope.APPROVALS)
class ExecApprovalRequest(Call[Verdict]):
    """Ask for permission to run a command and wait for the verdict.

    With `two_phase` the first answer, `status: "accepted"`, comes at once, the verdict later on the same id.

    The approval is bound to the command line, folder, environment, agent and node, and can be used once.

    Errors: `INVALID_REQUEST` when neither `command` nor `command_argv` is given, when `system_run_plan` or
    `node_id` is missing for `host` `node`, or the id is taken.
    """

    id: Id | None = None
    command: Annotated[str, Meta(min_length=1, max_length=65_536)] | None = None
    command_argv: Annotated[list[Text], Meta(max_length=1024)] | None = None
    system_run_plan: ApprovalPlan | None = None
    """What a node prepared; required for `host` `node`, and then it is what counts."""
    env: Annotated[dict[Name, Text], Meta(max_length=256)] | None = None
    """What is added to the environment. Only names and a hash are kept."""
    cwd: Text | None = None
    node_id: Id | None = None
    host: Id | None = None
    security: Id | None = None
    ask: Id | None = None
    warning_text: Text | None = None
    agent_id: Id | None = None
    session_key: Annotated[str, Meta(max_length=512)] | None = None
    session_id: Id | None = None
    run_id: Id | None = None
    tool_call_id: Id | None = None
    turn_source_channel: Id | None = None
    turn_source_to: Annotated[str, Meta(max_length=512)] | None = None
    turn_source_account_id: Id | None = None
    turn_source_thread_id: str | int | float | None = None
    resolved_path: Text | None = None
    unavailable_decisions: list[Decision] | None = None
    timeout_ms: Annotated[int, Meta(ge=1, le=86_400_000)] | None = None
    two_phase: bool = False


@method("exec.approval.waitDecision", Scope.APPROVALS)
class ExecApprovalWait(Call[Verdict]):
    """Wait for the verdict on a request.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`) when there is none of that id.
    """

    id: Id
    timeout_ms: Annotated[int, Meta(ge=1, le=86_400_000)] | None = None


@method("exec.approval.get", Scope.APPROVALS)
class ExecApprovalGet(Call[ApprovalRequest]):
    """A pending request as it was asked for.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`) when it is not pending.
    """

    id: Id


@method("exec.approval.list", Scope.APPROVALS)
class ExecApprovalList(Call[list[ApprovalRequest]]):
    """Commands that wait for permission, oldest first."""


@method("plugin.approval.list", Scope.APPROVALS)
class PluginApprovalList(Call[list[ApprovalRequest]]):
    """Extensions that wait for permission, oldest first."""


@method("openclaw.approval.list", Scope.APPROVALS)
class SystemApprovalList(Call[list[ApprovalRequest]]):
    """Changes to the gateway itself that wait for permission, oldest first."""


@method("exec.approval.resolve", Scope.APPROVALS)
class ExecApprovalResolve(Call[Done]):
    """Decide on a command.

    Errors: `INVALID_REQUEST` when it is not pending or the decision is not offered.
    """

    id: Id
    decision: Decision
    grant_expires_in_days: Days | None = None
    """For `allow-always`: when the permission ends by itself."""


@method("approval.get", Scope.APPROVALS)
class ApprovalGet(Call[ApprovalView]):
    """One approval, pending or decided.

    Errors: `INVALID_REQUEST` (`NOT_FOUND`) when there is none of that id.
    """

    id: Id


@method("approval.resolve", Scope.APPROVALS)
class ApprovalResolve(Call[ApprovalResolution]):
    """Decide; the first answer wins and later ones are told what it was.

    Errors: `INVALID_REQUEST` when there is none of that id and kind, or the decision is not offered.
    """

    id: Id
    kind: ApprovalKind
    decision: Decision
    grant_expires_in_days: Days | None = None
    """For `allow-always`: when the permission ends by itself."""


@method("approval.history", Scope.APPROVALS)
class ApprovalHistory(Call[ApprovalPage]):
    """Decided approvals of the last 30 days, newest first."""

    cursor: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    kind: ApprovalKind | None = None


class Grants(Wire):
    """Permissions for good, newest first."""

    grants: list[StandingGrant]


@method("exec.approval.grants.list", Scope.APPROVALS)
class ExecApprovalGrantsList(Call[Grants]):
    """What `allow-always` has allowed, also what was revoked or has expired."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class GrantRevocation(Wire):
    """What became of it."""

    outcome: Literal["revoked", "already-revoked", "not-found"]


@method("exec.approval.grants.revoke", Scope.APPROVALS)
class ExecApprovalGrantsRevoke(Call[GrantRevocation]):
    """Take a permission back; the next such command asks again."""

    grant_id: Id


class ExecDefaults(Wire):
    """What holds where the file says nothing."""

    security: Security
    ask: Ask
    ask_fallback: Security
    auto_allow_skills: bool


class ExecRulesSnapshot(Wire):
    """The gateway's own rules about programs, with the hash that a change has to name."""

    path: str
    exists: bool
    hash: str
    file: ExecRules
    resolved_defaults: ExecDefaults


@method("exec.approvals.get", Scope.ADMIN)
class ExecApprovalsGet(Call[ExecRulesSnapshot]):
    """Read the rules about programs on the gateway's own machine; nodes keep theirs themselves."""


@method("exec.approvals.set", Scope.ADMIN)
class ExecApprovalsSet(Call[ExecRulesSnapshot]):
    """Replace the rules.

    Errors: `INVALID_REQUEST` naming the field that is wrong, or (`CONFLICT`) when `base_hash` is not that of
    the present rules.
    """

    file: ExecRules
    base_hash: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
