"""Device nodes: what they lend to agents, decided by their owner."""

from typing import Final

from gateway.kernel.feature import Feature, House
from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened, NodeRoleEnded
from gateway.kernel.ports import NodeDevices
from gateway.nodes.api import NodesApi
from gateway.nodes.approval import SurfaceApproval
from gateway.nodes.events import NodeEvents
from gateway.nodes.invoke import Invocations
from gateway.nodes.node_api import NodeSideApi
from gateway.nodes.operator import OperatorInvokes
from gateway.nodes.policy import CommandPolicy, NodeSettings
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.rules_api import NodeRulesApi
from gateway.nodes.runs import AuthorisedRuns
from gateway.nodes.signals import NodeSignals


async def setup(house: House) -> None:
    """Follow nodes, and answer what operators and nodes ask."""
    db, hub, clock, tasks = house.database("state"), house.hub, house.clock, house.tasks
    policy = CommandPolicy(lambda: house.config.get(NodeSettings))
    registry = house.offer(NodeRegistry(db, policy, hub, clock, tasks))
    house.bus.subscribe(ConnectionOpened, registry.on_opened)
    house.bus.subscribe(ConnectionClosed, registry.on_closed)

    def policy_changed(_: NodeSettings, __: NodeSettings) -> None:
        tasks.spawn("node policy", registry.policy_changed())

    house.config.watch(NodeSettings, policy_changed)
    approval = SurfaceApproval(db, registry, clock, house.need(NodeDevices).end_node_role)

    def forget(fact: NodeRoleEnded) -> None:
        tasks.spawn("node forgotten", approval.forget(fact.device_id))

    house.bus.subscribe(NodeRoleEnded, forget)
    invocations = house.offer(Invocations(registry, policy, hub, clock))
    runs = house.offer(AuthorisedRuns(clock))
    events = house.offer(NodeEvents())
    NodeSignals(registry, hub, clock).register(events)
    house.rpc.add(NodesApi(registry, approval, OperatorInvokes(invocations, runs), clock))
    house.rpc.add(NodeRulesApi(invocations))
    house.rpc.add(NodeSideApi(registry, invocations, events, hub))


FEATURE: Final = Feature("nodes", setup=setup, package="gateway.nodes", settings=NodeSettings)
