"""Routing over RPC."""

from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.routing.model import Arrival
from gateway.routing.service import Routing
from protocol.methods.routing import RouterTest, RouteTrial, RoutingRules, RoutingRulesList, RoutingRulesSet


class RoutingApi:
    """Lists, changes and tries routing rules."""

    def __init__(self, routing: Routing, clock: Clock) -> None:
        self._routing = routing
        self._clock = clock

    @handles(RoutingRulesList)
    def list_rules(self, _ctx: Ctx, _call: RoutingRulesList) -> RoutingRules:
        """Every rule, in the order given."""
        return self._rules()

    @handles(RoutingRulesSet)
    async def set_rules(self, _ctx: Ctx, call: RoutingRulesSet) -> RoutingRules:
        """Replace all rules."""
        await self._routing.replace(call.rules, call.expected_revision)
        return self._rules()

    @handles(RouterTest)
    def test(self, _ctx: Ctx, call: RouterTest) -> RouteTrial:
        """Decide without sending."""
        arrival = Arrival(
            channel=call.channel,
            account=call.account,
            sender=call.sender,
            thread=call.thread,
            text=call.text,
            at_ms=self._clock.now_ms() if call.at_ms is None else call.at_ms,
        )
        route = self._routing.route(arrival)
        return RouteTrial(
            agent_id=route.agent_id,
            session_key=route.session_key,
            rule_id=route.rule_id,
            reason=route.reason,
            considered=self._routing.considered(arrival),
        )

    def _rules(self) -> RoutingRules:
        return RoutingRules(
            rules=self._routing.rules,
            revision=self._routing.revision,
            default_agent_id=self._routing.default_agent_id,
        )
