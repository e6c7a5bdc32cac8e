"""Approval methods."""

from gateway.approvals.exec_rules import ExecRulesService
from gateway.approvals.grants import GrantService
from gateway.approvals.request import prepared
from gateway.approvals.service import ApprovalService
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.kernel.supervisor import Supervisor
from protocol.errors import Conflict, NotFound
from protocol.method import Done
from protocol.methods.approvals import (
    ApprovalGet,
    ApprovalHistory,
    ApprovalPage,
    ApprovalResolution,
    ApprovalResolve,
    ApprovalView,
    ExecApprovalGet,
    ExecApprovalGrantsList,
    ExecApprovalGrantsRevoke,
    ExecApprovalList,
    ExecApprovalRequest,
    ExecApprovalResolve,
    ExecApprovalsGet,
    ExecApprovalsSet,
    ExecApprovalWait,
    ExecRulesSnapshot,
    GrantRevocation,
    Grants,
    PluginApprovalList,
    SystemApprovalList,
    Verdict,
)
from protocol.nouns.approval import ApprovalRequest, Resolver


class ApprovalsApi:
    """Answers for the approval flow."""

    def __init__(self, approvals: ApprovalService, tasks: Supervisor) -> None:
        self._approvals = approvals
        self._tasks = tasks

    @handles(ExecApprovalRequest)
    async def request(self, ctx: Ctx, call: ExecApprovalRequest) -> Verdict:
        """See `ExecApprovalRequest`."""
        approval = await self._approvals.ask(
            prepared(call),
            approval_id=call.id,
            timeout_ms=call.timeout_ms,
            requested_by=ctx.principal.actor,
        )
        if not call.two_phase:
            return await self._approvals.wait(approval.id)
        self._tasks.spawn("approval verdict", self._answer_later(ctx, approval.id))
        return Verdict(
            id=approval.id,
            decision=None,
            created_at_ms=approval.created_ms,
            expires_at_ms=approval.expires_ms,
            status="accepted",
        )

    @handles(ExecApprovalWait)
    async def wait(self, _: Ctx, call: ExecApprovalWait) -> Verdict:
        """See `ExecApprovalWait`."""
        return await self._approvals.wait(call.id, call.timeout_ms)

    @handles(ExecApprovalGet)
    async def get_request(self, _: Ctx, call: ExecApprovalGet) -> ApprovalRequest:
        """See `ExecApprovalGet`."""
        approval = await self._approvals.get(call.id)
        if approval.status != "pending":
            raise NotFound(f"id: approval {call.id} is not pending any more", {"field": "id"})
        return approval.asked

    @handles(ExecApprovalList)
    async def list_exec(self, _: Ctx, __: ExecApprovalList) -> list[ApprovalRequest]:
        """See `ExecApprovalList`."""
        return [approval.asked for approval in await self._approvals.pending("exec")]

    @handles(PluginApprovalList)
    async def list_plugin(self, _: Ctx, __: PluginApprovalList) -> list[ApprovalRequest]:
        """See `PluginApprovalList`."""
        return [approval.asked for approval in await self._approvals.pending("plugin")]

    @handles(SystemApprovalList)
    async def list_system(self, _: Ctx, __: SystemApprovalList) -> list[ApprovalRequest]:
        """See `SystemApprovalList`."""
        return [approval.asked for approval in await self._approvals.pending("system-agent")]

    @handles(ExecApprovalResolve)
    async def resolve_exec(self, ctx: Ctx, call: ExecApprovalResolve) -> Done:
        """See `ExecApprovalResolve`."""
        applied, approval = await self._approvals.decide(
            call.id, call.decision, _resolver(ctx), "exec", call.grant_expires_in_days
        )
        if not applied:
            raise Conflict(f"id: approval {call.id} is already {approval.status}", {"field": "id"})
        return Done(ok=True)

    @handles(ApprovalGet)
    async def get(self, _: Ctx, call: ApprovalGet) -> ApprovalView:
        """See `ApprovalGet`."""
        return ApprovalView(approval=(await self._approvals.get(call.id)).snapshot)

    @handles(ApprovalResolve)
    async def resolve(self, ctx: Ctx, call: ApprovalResolve) -> ApprovalResolution:
        """See `ApprovalResolve`."""
        applied, approval = await self._approvals.decide(
            call.id, call.decision, _resolver(ctx), call.kind, call.grant_expires_in_days
        )
        return ApprovalResolution(applied=applied, approval=approval.snapshot)

    @handles(ApprovalHistory)
    async def history(self, _: Ctx, call: ApprovalHistory) -> ApprovalPage:
        """See `ApprovalHistory`."""
        return await self._approvals.history(call.kind, call.cursor, call.limit)

    async def _answer_later(self, ctx: Ctx, approval_id: str) -> None:
        ctx.answer_again(await self._approvals.wait(approval_id))


class PermissionsApi:
    """Answers for what is allowed beforehand: grants, and the rules about programs."""

    def __init__(self, grants: GrantService, rules: ExecRulesService) -> None:
        self._grants = grants
        self._rules = rules

    @handles(ExecApprovalGrantsList)
    async def list_grants(self, _: Ctx, call: ExecApprovalGrantsList) -> Grants:
        """See `ExecApprovalGrantsList`."""
        return Grants(grants=await self._grants.newest(call.limit))

    @handles(ExecApprovalGrantsRevoke)
    async def revoke_grant(self, ctx: Ctx, call: ExecApprovalGrantsRevoke) -> GrantRevocation:
        """See `ExecApprovalGrantsRevoke`."""
        return await self._grants.revoke(call.grant_id, ctx.principal.actor)

    @handles(ExecApprovalsGet)
    async def get_rules(self, _: Ctx, __: ExecApprovalsGet) -> ExecRulesSnapshot:
        """See `ExecApprovalsGet`."""
        return await self._rules.snapshot()

    @handles(ExecApprovalsSet)
    async def set_rules(self, ctx: Ctx, call: ExecApprovalsSet) -> ExecRulesSnapshot:
        """See `ExecApprovalsSet`."""
        return await self._rules.replace(ctx.principal.actor, call.file, call.base_hash)


def _resolver(ctx: Ctx) -> Resolver:
    device_id = ctx.principal.device_id
    if device_id is not None:
        return Resolver(kind="device", id=device_id)
    return Resolver(kind="runtime", id=ctx.principal.client.id)
