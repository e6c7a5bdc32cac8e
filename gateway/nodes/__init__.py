"""Device nodes: what they lend to agents, decided by their owner."""

from typing import Final

from gateway.kernel.feature import Feature, House
from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened, NodeRoleEnded
from gateway.kernel.ports import NodeDevices
from gateway.nodes.api import NodesApi
from gateway.nodes.approval import SurfaceApproval
from gateway.nodes.candidates import NodeChooser
from gateway.nodes.delivery import Delivery
from gateway.nodes.events import NodeEvents
from gateway.nodes.foreground import ForegroundQueue
from gateway.nodes.invoke import Invocations
from gateway.nodes.node_api import NodeSideApi
from gateway.nodes.operator import OperatorInvokes
from gateway.nodes.pending_api import NodePendingApi
from gateway.nodes.policy import CommandPolicy, NodeSettings
from gateway.nodes.questions import NodeQuestions
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.rules_api import NodeRulesApi
from gateway.nodes.runs import AuthorisedRuns
from gateway.nodes.signals import NodeSignals
from gateway.nodes.telemetry import Telemetry
from gateway.nodes.work_api import NodeWorkApi
from gateway.nodes.work_book import WorkBook
from gateway.nodes.work_reports import WorkReports
from gateway.nodes.work_router import WorkRouter
from gateway.nodes.work_service import NodeWorks

EXPIRY_S: Final = 1.0
"""Between two looks at the clock for work that expires; the shortest life is one second."""

REAP_S: Final = 3600.0


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
    chooser = house.offer(NodeChooser(registry, policy, Telemetry(invocations, clock, tasks), clock))
    book = WorkBook(db, hub, clock)
    reports = _work(house, book, chooser)
    queue = ForegroundQueue(book, registry, invocations, clock)
    house.rpc.add(NodesApi(registry, approval, OperatorInvokes(queue, runs), clock))
    house.rpc.add(NodeRulesApi(invocations))
    house.rpc.add(NodeSideApi(registry, invocations, reports, events, hub))
    house.rpc.add(NodePendingApi(registry, reports, NodeQuestions(db, registry, clock)))
    await book.load()


def _work(house: House, book: WorkBook, chooser: NodeChooser) -> WorkReports:
    """Durable work: delivered, routed, and expiring."""
    registry, invocations = house.need(NodeRegistry), house.need(Invocations)
    delivery = Delivery(
        book,
        registry,
        runs=house.need(AuthorisedRuns),
        hub=house.hub,
        clock=house.clock,
        tasks=house.tasks,
    )
    WorkRouter(book, chooser, registry, house.tasks)
    house.tasks.every("expire node work", EXPIRY_S, book.expire)
    house.tasks.every("forget node work", REAP_S, book.reap)
    works = house.offer(NodeWorks(book, invocations, chooser, house.clock))
    house.rpc.add(NodeWorkApi(works, chooser))
    return WorkReports(book, delivery, house.clock, house.tasks)


FEATURE: Final = Feature("nodes", setup=setup, package="gateway.nodes", settings=NodeSettings)
