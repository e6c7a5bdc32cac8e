"""Which agent answers what: the rules, and trying them out."""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.route import RouteRule, RuleVerdict
from protocol.scopes import Scope

Field = Annotated[str, Meta(max_length=512)]

MAX_RULES = 1000
"""Every message is compared with the rules until one holds; a thousand take about a millisecond."""


class RoutingRules(Wire):
    """The rules in the order they were given."""

    rules: list[RouteRule]
    revision: int
    """Grows with every change; give it back as `expectedRevision`."""
    default_agent_id: str
    """Who answers when no rule holds."""


@method("routing.rules.list", Scope.READ, additive=True)
class RoutingRulesList(Call[RoutingRules], forbid_unknown_fields=True):
    """Read the routing rules."""


@method("routing.rules.set", Scope.ADMIN, additive=True)
class RoutingRulesSet(Call[RoutingRules], forbid_unknown_fields=True):
    """Replace all routing rules and return them as stored.

    Errors: ``CONFLICT`` when the rules changed since `expectedRevision`.
    """

    rules: Annotated[list[RouteRule], Meta(max_length=MAX_RULES)]
    expected_revision: int | None = None


class RouteTrial(Wire):
    """Where a message would go."""

    agent_id: str
    session_key: str
    rule_id: str | None
    """None: no rule held, the default agent answers."""
    reason: str
    considered: list[RuleVerdict]
    """Every rule in the order asked, up to the one that held."""


@method("router.test", Scope.READ, additive=True)
class RouterTest(Call[RouteTrial], forbid_unknown_fields=True):
    """Say where a message would go, without sending it anywhere."""

    text: Annotated[str, Meta(max_length=100_000)] = ""
    channel: Field = "webchat"
    account: Field = ""
    sender: Field = ""
    thread: Field = ""
    at_ms: Annotated[int, Meta(ge=0, le=253_402_300_799_000)] | None = None
    """Wall clock to pretend; absent means now."""
