"""What a decision is made about, and what it comes to."""

from typing import Final, Literal, TypeAlias

import msgspec

from protocol.scopes import Scope

Effect: TypeAlias = Literal["allow", "ask", "deny"]

Tier: TypeAlias = Literal["low", "medium", "high", "critical"]

SubjectKind: TypeAlias = Literal["operator", "agent", "node", "person"]
"""A connected operator, an agent, a device node, or somebody who writes on a channel."""

SCORES: Final[dict[Tier, float]] = {"low": 0.1, "medium": 0.5, "high": 0.75, "critical": 0.95}
"""A number for lists and sorting. Up to 0.3 is low and from 0.7 on high (row U6)."""

_ORDER: Final[dict[Effect, int]] = {"allow": 0, "ask": 1, "deny": 2}


def strictness(effect: Effect) -> int:
    """0 for `allow`, 2 for `deny`."""
    return _ORDER[effect]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to do something."""

    kind: SubjectKind
    id: str
    """Id of the agent, device or person."""
    scopes: tuple[Scope, ...] = ()
    """What the person behind it may do."""

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"agent:{self.id}" if self.kind == "agent" else self.id


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done."""

    name: str
    """A method, a node command or a tool, such as `system.run`."""
    argv: tuple[str, ...] = ()
    """The program and its arguments, for actions that run one."""
    node_id: str | None = None
    sections: tuple[str, ...] = ()
    """Sections of the configuration it changes; empty when that is not known."""
    needs: Scope | None = None
    """What the person behind it must be allowed to do."""
    tier: Tier | None = None
    """Of an action the table of risks does not know."""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule thinks."""

    effect: Effect
    rule: str
    """Which rule, such as `base.self-rule` or `policy.rules[2]`."""
    reason: str
    """For people: why, as a sentence without its full stop."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome."""

    allowed: bool
    """False: it must not be done, whoever says yes."""
    requires_approval: bool
    """True: a person has to say yes first."""
    risk: Tier
    score: float
    """0.0 to 1.0."""
    reason: str
    rules: tuple[str, ...]
    """Which rules led to it."""
    always_offered: bool
    """Whether the person may say yes for good."""
