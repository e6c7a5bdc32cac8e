"""What the policy thinks of a tool before it runs."""

from typing import Any

from gateway.agents.tools import Tool, ToolContext
from gateway.kernel.audit.trail import Recorder
from gateway.kernel.policy.engine import PolicyEngine
from gateway.kernel.policy.model import Action, Subject


class ToolPolicy:
    """Objects to what agents must not do, and records that they tried."""

    def __init__(self, policy: PolicyEngine, audit: Recorder) -> None:
        self._policy = policy
        self._audit = audit

    def objection(self, context: ToolContext, tool: Tool[Any]) -> str | None:
        """Why the tool must not run, for the model; None when it may."""
        subject = Subject(kind="agent", id=context.agent_id, scopes=context.scopes)
        action = Action(name=tool.action or tool.name, needs=tool.needs, tier=tool.risk)
        decision = self._policy.decide(subject, action)
        if decision.allowed and (tool.asks or not decision.requires_approval):
            return None
        reason = decision.reason
        if decision.allowed:
            reason = f"it needs a person's permission, which this tool cannot ask for ({reason})"
        self._audit.record(
            "policy.refused",
            actor=subject.actor,
            subject=action.name,
            outcome="refused",
            details={"rules": decision.rules, "tool": tool.name, "runId": context.run_id},
        )
        return f"{tool.name} is not allowed: {reason}"
