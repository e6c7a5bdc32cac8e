"""How other features ask before they act: policy, then what was allowed for good, then a person.

wanted = Wanted(
    subject=Subject(kind="agent", id=context.agent_id, scopes=context.scopes),
    action=Action(name="system.run", argv=tuple(plan.argv), node_id=node_id, needs=Scope.WRITE),
    binding=Binding.of_plan(plan, node_id=node_id, env=env),
    request=ExecApprovalRequest(
        host="node", node_id=node_id, system_run_plan=plan, env=env, run_id=context.run_id
    ),
)
permit = await permits.permit(wanted)
await permits.redeem(permit, Binding.of_plan(plan, node_id=node_id, env=env))
...  # run it, and tell the node `permit.decision` and `permit.approval_id`
"""

from typing import Literal

import msgspec

from gateway.approvals.binding import Binding, differing
from gateway.approvals.exec_rules import ExecRulesService
from gateway.approvals.request import Prepared, prepared
from gateway.approvals.service import ApprovalMismatch, ApprovalService
from gateway.kernel.audit.details import TEXT_CHARS, Detail
from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.policy.engine import PolicyEngine
from gateway.kernel.policy.model import Action, Subject
from gateway.kernel.policy.model import Decision as PolicyDecision
from protocol.errors import Forbidden, InvalidRequest
from protocol.methods.approvals import ExecApprovalRequest
from protocol.nouns.approval import Decision


class PolicyRefused(Forbidden):
    """The policy rules it out; nobody can say yes."""

    detail_code = "POLICY_DENIED"


class ApprovalDenied(Forbidden):
    """A person said no, or nobody said anything in time."""

    detail_code = "APPROVAL_DENIED"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to do."""

    subject: Subject
    action: Action
    binding: Binding
    """What will run, exactly."""
    request: ExecApprovalRequest
    """How a person is asked; its command line, folder and environment must be those of `binding`."""
    listed: tuple[str, ...] | None = None
    """The agent's own list of tools; None when it has none."""
    must_ask: bool = False
    """Ask a person even where the policy does not: the node's own rules want that."""


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """A yes, good for one use of exactly what it is bound to."""

    binding: Binding
    source: Literal["policy", "grant", "person"]
    approval_id: str | None = None
    """None when the policy allows it without asking."""
    decision: Decision | None = None
    """What the person said, now or once for good."""


class Permits:
    """The one way from wanting to doing."""

    def __init__(
        self,
        policy: PolicyEngine,
        rules: ExecRulesService,
        approvals: ApprovalService,
        audit: AuditLog,
    ) -> None:
        self._policy = policy
        self._rules = rules
        self._approvals = approvals
        self._audit = audit

    async def permit(self, wanted: Wanted) -> Permit:
        """Come back with a yes.

        A question is withdrawn when its run (`request.run_id`) ends. After a restart of the gateway the same
        question takes up the one that waits, or its answer that was not used yet.

        Raises:
            PolicyRefused: the policy rules it out.
            ApprovalDenied: a person said no, or nobody answered in time.
            InvalidRequest: `request` does not ask for what `binding` binds.
            TooManyApprovals, AuditOverloaded, StoreUnavailable: try again later.
        """
        standing = await self._rules.opinions(wanted.subject.id, wanted.action)
        decision = self._policy.decide(wanted.subject, wanted.action, listed=wanted.listed, standing=standing)
        if not decision.allowed:
            self._audit.record(
                "policy.refused",
                actor=wanted.subject.actor,
                subject=wanted.action.name,
                outcome="refused",
                details=_about(wanted, decision),
            )
            raise PolicyRefused(f"{wanted.action.name} is not allowed: {decision.reason}")
        if not (decision.requires_approval or wanted.must_ask):
            await self._note_allowed(wanted, decision)
            return Permit(binding=wanted.binding, source="policy")
        request = prepared(wanted.request, action=wanted.action.name, always=decision.always_offered)
        # The parameters of a command are in its text, and the text is compared.
        different = set(differing(wanted.binding, request.binding)) - {"params_hash"}
        if different:
            raise InvalidRequest(f"request: {', '.join(sorted(different))} is not what is bound")
        return await self._ask(wanted, msgspec.structs.replace(request, binding=wanted.binding))

    async def redeem(self, permit: Permit, actual: Binding) -> None:
        """Use a permit up, right before running `actual`.

        Raises:
            ApprovalMismatch: `actual` is not what was permitted, or the permit was used or has expired.
            AuditOverloaded, StoreUnavailable: it cannot be recorded, so it must not run.
        """
        if permit.approval_id is not None:
            await self._approvals.consume(permit.approval_id, actual)
        elif different := differing(permit.binding, actual):
            raise ApprovalMismatch(f"{', '.join(different)} changed since it was permitted; ask again")

    async def _note_allowed(self, wanted: Wanted, decision: PolicyDecision) -> None:
        actor, subject, details = wanted.subject.actor, wanted.action.name, _about(wanted, decision)
        if decision.risk == "low":  # asked for often, and no harm without a trace
            self._audit.record("policy.allowed", actor=actor, subject=subject, details=details)
        else:
            await self._audit.record_durably("policy.allowed", actor=actor, subject=subject, details=details)

    async def _ask(self, wanted: Wanted, request: Prepared) -> Permit:
        call = wanted.request
        approval = await self._approvals.ask(
            request, approval_id=call.id, timeout_ms=call.timeout_ms, reuse=call.id is None
        )
        verdict = await self._approvals.wait(approval.id)
        if verdict.decision not in {"allow-once", "allow-always"}:
            said = "nobody answered in time" if verdict.decision is None else "the answer was no"
            raise ApprovalDenied(f"{wanted.action.name} is not allowed: {said}")
        by_grant = approval.resolver is not None and approval.resolver.kind == "system"
        return Permit(
            binding=wanted.binding,
            source="grant" if by_grant else "person",
            approval_id=approval.id,
            decision=verdict.decision,
        )


def _about(wanted: Wanted, decision: PolicyDecision) -> dict[str, Detail]:
    return {
        "rules": decision.rules,
        "risk": decision.risk,
        "nodeId": wanted.action.node_id,
        "command": " ".join(wanted.action.argv)[:TEXT_CHARS],
        "binding": wanted.binding.digest(),
    }
