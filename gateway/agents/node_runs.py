"""Programs on nodes: planned by the node, approved by a person, and run exactly as approved."""

from typing import Any, Final

import msgspec

from gateway.agents.tools import ToolContext
from gateway.approvals.binding import Binding
from gateway.approvals.permits import Permit, Permits, Wanted
from gateway.kernel.audit.trail import Recorder
from gateway.kernel.policy.model import Action, Subject
from gateway.nodes.failures import NodeFailed
from gateway.nodes.invoke import Ask, Invocations
from gateway.nodes.runs import AuthorisedRuns
from protocol.commands.system import SystemRunPrepared, SystemRunResult
from protocol.errors import GatewayError, Unavailable
from protocol.ids import new_id
from protocol.methods.approvals import ApprovalPlan, ExecApprovalRequest
from protocol.nouns.node import NodeRow
from protocol.scopes import Scope

RUN: Final = "system.run"
PREPARE: Final = "system.run.prepare"

PATIENCE_MS: Final = 5 * 60_000
"""How long a person has to answer. A turn takes 10 minutes at most, and the agent must still be able to say
that nobody did.
"""

PREPARE_TIMEOUT_MS: Final = 15_000
"""A node only looks at files for that. Source: OpenClaw waits as long."""

GRACE_MS: Final = 10_000
"""A node that ends a program in time still needs a moment to say so."""

NEEDS_APPROVAL: Final = "approval required"
"""In what a node says whose own rules want a person's yes. Source: OpenClaw's node host."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent wants to run."""

    argv: list[str]
    cwd: str | None
    timeout_ms: int


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the node says it would run."""

    prepared: SystemRunPrepared
    raw: msgspec.Raw
    """The plan as the node wrote it: it recognises it by every field."""


class _PreparedRaw(msgspec.Struct):
    plan: msgspec.Raw


class NodeRuns:
    """`system.run` for agents."""

    def __init__(
        self, invocations: Invocations, runs: AuthorisedRuns, permits: Permits, audit: Recorder
    ) -> None:
        self._invocations = invocations
        self._runs = runs
        self._permits = permits
        self._audit = audit

    async def run(self, context: ToolContext, node: NodeRow, program: Program) -> SystemRunResult:
        """Run a program on a node and return how it ended.

        Raises:
            PolicyRefused: policy rules it out.
            ApprovalDenied: a person said no, or nobody answered in time.
            GatewayError: as `Invocations.invoke`.
        """
        plan = await self._prepare(context, node, program)
        must_ask = plan.prepared.exec_policy.ask == "always"
        permit = await self._permits.permit(_wanted(context, node, plan, must_ask=must_ask))
        try:
            return await self._execute(context, node, program, plan, permit)
        except NodeFailed as failure:
            if permit.decision is not None or NEEDS_APPROVAL not in failure.node_message:
                raise
        # Our policy did not ask, the node's own rules do.
        permit = await self._permits.permit(_wanted(context, node, plan, must_ask=True))
        return await self._execute(context, node, program, plan, permit)

    async def _prepare(self, context: ToolContext, node: NodeRow, program: Program) -> _Plan:
        if PREPARE not in node.commands:
            raise Unavailable(
                f"this node runs programs without saying beforehand what it would run ({PREPARE})"
            )
        params: dict[str, Any] = {
            "command": program.argv,
            "agentId": context.agent_id,
            "sessionKey": context.session_key,
        }
        if program.cwd is not None:
            params["cwd"] = program.cwd
        ask = _ask(PREPARE, params, PREPARE_TIMEOUT_MS, context)
        payload = (await self._invocations.invoke(node.node_id, ask)).payload
        try:
            prepared = msgspec.json.decode(payload, type=SystemRunPrepared)
            raw = msgspec.json.decode(payload, type=_PreparedRaw).plan
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise Unavailable(f"the node did not say what it would run: {error}") from error
        named = prepared.plan.agent_id, prepared.plan.session_key
        if named != (context.agent_id, context.session_key):
            # A person is asked in the conversation the plan names, so a node must not choose another.
            raise Unavailable("the node made a plan for another conversation")
        return _Plan(prepared=prepared, raw=raw)

    async def _execute(
        self, context: ToolContext, node: NodeRow, program: Program, plan: _Plan, permit: Permit
    ) -> SystemRunResult:
        shown = plan.prepared.plan
        run_id = self._runs.issue(node.node_id, context.session_key)
        params: dict[str, Any] = {
            "command": shown.argv,
            "rawCommand": shown.command_text,
            "systemRunPlan": plan.raw,
            "cwd": shown.cwd,
            "timeoutMs": program.timeout_ms,
            "agentId": shown.agent_id,
            "sessionKey": shown.session_key,
            "runId": run_id,
            # The agent gets the result; a note about it besides would only repeat that.
            "suppressNotifyOnExit": True,
        }
        if permit.decision is not None:
            params |= {"approved": True, "approvalDecision": permit.decision}
        given = {name: value for name, value in params.items() if value is not None}
        await self._permits.redeem(permit, _binding(node, plan))
        self._record(context, node, plan, permit, run_id)
        ask = _ask(RUN, given, program.timeout_ms + GRACE_MS, context)
        outcome = "aborted"
        try:
            payload = (await self._invocations.invoke(node.node_id, ask)).payload
            result = msgspec.json.decode(payload, type=SystemRunResult)
            outcome = "ok" if result.success else "failed"
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            outcome = "unreadable"
            raise Unavailable(f"the node did not say how the program ended: {error}") from error
        except GatewayError as error:
            outcome = str(error.details.get("code") or error.code)
            raise
        finally:
            self._audit.record(
                "node.run.ended", actor=f"agent:{context.agent_id}", subject=run_id, outcome=outcome
            )
        return result

    def _record(self, context: ToolContext, node: NodeRow, plan: _Plan, permit: Permit, run_id: str) -> None:
        """Which run was started by what; that it was permitted is on the disk already."""
        self._audit.record(
            "node.run.started",
            actor=f"agent:{context.agent_id}",
            subject=run_id,
            details={
                "nodeId": node.node_id,
                "command": plan.prepared.plan.command_text,
                "cwd": plan.prepared.plan.cwd,
                "sessionKey": context.session_key,
                "approvalId": permit.approval_id,
                "decision": permit.decision,
            },
        )


def _binding(node: NodeRow, plan: _Plan) -> Binding:
    return Binding.of_plan(plan.prepared.plan, node_id=node.node_id, env=None)


def _wanted(context: ToolContext, node: NodeRow, plan: _Plan, *, must_ask: bool) -> Wanted:
    shown = plan.prepared.plan
    return Wanted(
        subject=Subject(kind="agent", id=context.agent_id, scopes=context.scopes),
        action=Action(name=RUN, argv=tuple(shown.argv), node_id=node.node_id, needs=Scope.WRITE),
        binding=_binding(node, plan),
        request=ExecApprovalRequest(
            host="node",
            node_id=node.node_id,
            system_run_plan=msgspec.convert(msgspec.to_builtins(shown), ApprovalPlan),
            ask=plan.prepared.exec_policy.ask,
            run_id=context.run_id,
            timeout_ms=PATIENCE_MS,
        ),
        must_ask=must_ask,
    )


def _ask(command: str, params: dict[str, Any], timeout_ms: int, context: ToolContext) -> Ask:
    return Ask(
        command=command,
        params_json=msgspec.json.encode(params).decode(),
        timeout_ms=timeout_ms,
        idempotency_key=new_id(),
        session_key=context.session_key,
    )
