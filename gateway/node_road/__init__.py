"""What nodes hear, show and do, on the one road: spoken sentences, canvas actions, and notes for agents."""

from typing import Final

from gateway.kernel.feature import Feature, House


async def setup(house: House) -> None:
    """Act on the events of nodes that concern agents and conversations."""
    from gateway.chat.intake import Intake
    from gateway.chat.service import Chat
    from gateway.node_road.listeners import Listeners
    from gateway.node_road.messages import NodeMessages
    from gateway.node_road.notes import NodeNotes
    from gateway.node_road.pace import Pace
    from gateway.nodes.events import NodeEvents
    from gateway.nodes.runs import AuthorisedRuns
    from gateway.presence.wakes import Wakes

    events, pace = house.need(NodeEvents), Pace(house.clock)
    NodeMessages(house.need(Intake), house.need(Chat), house.clock, pace).register(events)
    Listeners(house.hub).register(events)
    NodeNotes(house.need(Wakes), house.need(AuthorisedRuns), pace, house.audit).register(events)


FEATURE: Final = Feature("node-road", setup=setup)
