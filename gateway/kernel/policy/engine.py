"""The pipeline: base restrictions, the owner's limits, scopes, the agent's list, rules, risk."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

import msgspec

from gateway.kernel.policy.commands import fits_anywhere, fits_exactly
from gateway.kernel.policy.model import SCORES, Action, Decision, Effect, Opinion, Subject, Tier, strictness
from gateway.kernel.policy.settings import PolicyRule, PolicySettings
from gateway.kernel.policy.tiers import tier_of
from protocol.scopes import Scope, allows

SELF_RULE: Final = (
    "exec.approval.resolve",
    "exec.approval.grants.*",
    "exec.approvals.*",
    "approval.resolve",
    "plugin.approval.resolve",
    "openclaw.approval.resolve",
    "system.execApprovals.*",
    "device.pair.*",
    "device.token.*",
    "devices.repair",
    "node.pair.*",
    "agents.create",
    "agents.update",
    "agents.delete",
    "agents.files.set",
    "skills.install",
    "skills.update",
    "audit.*",
    "backup.*",
    "secrets.*",
    "users.*",
)
"""Whoever could do one of these could give itself any right: agents, nodes and strangers never do."""

SECURITY_SECTIONS: Final = frozenset(
    {"gateway", "policy", "agents", "approvals", "nodes", "features", "users", "channels", "logging"}
)
"""Of the configuration: who gets in, who may do what, who is told, and what is written down."""

CONFIG_READS: Final = frozenset({"config.get", "config.schema", "config.schema.lookup"})


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What else a decision depends on."""

    settings: PolicySettings = PolicySettings()
    listed: tuple[str, ...] | None = None
    """The agent's own list of what it may use, with `*`; None when it has none."""
    standing: tuple[Opinion, ...] = ()
    """Rules kept elsewhere that are about this action, such as an allow-list of programs."""


Stage: TypeAlias = Callable[[Subject, Action, Context], Iterable[Opinion]]


def base_restrictions(subject: Subject, action: Action, _: Context) -> Iterable[Opinion]:
    """Nobody but an operator changes who may do what. No setting can lift this."""
    if subject.kind == "operator":
        return
    if any(fnmatchcase(action.name, pattern) for pattern in SELF_RULE):
        yield Opinion(effect="deny", rule="base.self-rule", reason=_own_rights(subject))
    if action.name.startswith("config.") and action.name not in CONFIG_READS:
        touched = set(action.sections) or SECURITY_SECTIONS
        if touched & SECURITY_SECTIONS:
            yield Opinion(effect="deny", rule="base.self-rule", reason=_own_rights(subject))


def hard_limits(_: Subject, action: Action, context: Context) -> Iterable[Opinion]:
    """What the owner ruled out for good."""
    for pattern in context.settings.never:
        if fnmatchcase(action.name, pattern):
            yield Opinion(effect="deny", rule="policy.never", reason=f"policy.never rules out {pattern}")


def scopes(subject: Subject, action: Action, _: Context) -> Iterable[Opinion]:
    """Nobody does through an agent what they may not do themselves."""
    if action.needs is not None and not allows(subject.scopes, action.needs):
        yield Opinion(effect="deny", rule="scopes", reason=f"the person behind it lacks {action.needs}")


def agent_list(_: Subject, action: Action, context: Context) -> Iterable[Opinion]:
    """What the agent's own list leaves out."""
    if context.listed is not None and not any(
        fnmatchcase(action.name, pattern) for pattern in context.listed
    ):
        yield Opinion(effect="deny", rule="agent.tools", reason="it is not among the agent's tools")


def rules(subject: Subject, action: Action, context: Context) -> Iterable[Opinion]:
    """The owner's rules, and those kept elsewhere."""
    for place, rule in enumerate(context.settings.rules):
        if _fits(rule, subject, action):
            name = f"policy.rules[{place}]"
            yield Opinion(effect=rule.effect, rule=name, reason=f"{name} says {rule.effect}")
    yield from context.standing


STAGES: Final[tuple[Stage, ...]] = (base_restrictions, hard_limits, scopes, agent_list, rules)
"""In the order a reader should think of them; the outcome does not depend on it."""


def decide(subject: Subject, action: Action, context: Context) -> Decision:
    """What all stages together come to; the strictest opinion wins.

    How much the action risks counts where no rule allows it: a rule that allows stands for a person's yes.
    """
    opinions = [opinion for stage in STAGES for opinion in stage(subject, action, context)]
    tier = tier_of(action)
    if not any(opinion.effect == "allow" for opinion in opinions):
        opinions.append(_risk(subject, tier, context.settings))
    effect = max(opinions, key=lambda opinion: strictness(opinion.effect)).effect
    decisive = [opinion for opinion in opinions if opinion.effect == effect]
    return Decision(
        allowed=effect != "deny",
        requires_approval=effect == "ask",
        risk=tier,
        score=SCORES[tier],
        reason=decisive[0].reason,
        rules=tuple(opinion.rule for opinion in decisive),
        always_offered=tier != "critical",
    )


class PolicyEngine:
    """`decide` with the settings in force."""

    def __init__(self, settings: Callable[[], PolicySettings]) -> None:
        self._settings = settings

    def decide(
        self,
        subject: Subject,
        action: Action,
        *,
        listed: tuple[str, ...] | None = None,
        standing: tuple[Opinion, ...] = (),
    ) -> Decision:
        """See `decide`; `listed` and `standing` as in `Context`."""
        context = Context(settings=self._settings(), listed=listed, standing=standing)
        return decide(subject, action, context)


def _fits(rule: PolicyRule, subject: Subject, action: Action) -> bool:
    if not (fnmatchcase(action.name, rule.action) and fnmatchcase(subject.id, rule.agent)):
        return False
    if rule.node is not None and (action.node_id is None or not fnmatchcase(action.node_id, rule.node)):
        return False
    if rule.command is None:
        return True
    fits = fits_exactly if rule.effect == "allow" else fits_anywhere
    return fits(rule.command, action.argv)


def _risk(subject: Subject, tier: Tier, settings: PolicySettings) -> Opinion:
    effects: dict[Tier, Effect] = {
        "low": "allow",
        "medium": settings.medium,
        "high": settings.high,
        "critical": settings.critical,
    }
    effect = effects[tier]
    if subject.kind == "operator" and effect == "ask" and allows(subject.scopes, Scope.APPROVALS):
        return Opinion(effect="allow", rule="risk.own-yes", reason="whoever asks may approve it")
    return Opinion(effect=effect, rule=f"risk.{tier}", reason=f"it is of {tier} risk")


def _own_rights(subject: Subject) -> str:
    kind = {"agent": "an agent", "node": "a node", "person": "somebody on a channel"}[subject.kind]
    return f"{kind} never changes who may do what"
