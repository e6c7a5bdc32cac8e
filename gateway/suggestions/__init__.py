"""Suggested tasks."""

from typing import Final

from gateway.agents.model import AgentDirectory
from gateway.chat.intake import Incoming, Intake
from gateway.chat.model import RunRequest
from gateway.chat.service import Chat
from gateway.chat.sources import seed_of, sender_of
from gateway.kernel.feature import Feature, House
from gateway.kernel.rpc.context import Ctx
from gateway.suggestions.api import SuggestionsApi
from gateway.suggestions.service import Suggestions
from protocol.nouns.suggestion import TaskSuggestion


async def setup(house: House) -> None:
    """Answer for suggested tasks."""
    intake, chat, agents = house.need(Intake), house.need(Chat), house.need(AgentDirectory)

    async def start_work(ctx: Ctx, suggestion: TaskSuggestion) -> str:
        agent_id = suggestion.agent_id or agents.default_agent_id
        received = await intake.receive(incoming_of(ctx, suggestion, agent_id), chat)
        if received.message is not None:
            chat.submit(received.message)
        return received.session_key

    suggestions = Suggestions(house.database("state"), start_work, house.hub, house.clock)
    house.rpc.add(SuggestionsApi(suggestions))


def incoming_of(ctx: Ctx, suggestion: TaskSuggestion, agent_id: str) -> Incoming:
    """The message an accepted suggestion becomes."""
    principal = ctx.principal
    return Incoming(
        kind="chat",
        origin=f"taskSuggestions.accept/{principal.actor}",
        external_id=suggestion.id,
        run_id=suggestion.id,
        text=suggestion.prompt,
        request=RunRequest(sender=sender_of(principal), trace_id=ctx.trace_id),
        seed=seed_of(principal),
        account=principal.actor,
        sender=principal.actor,
        session_key=f"agent:{agent_id}:task:{suggestion.id}",
        agent_id=agent_id,
    )


FEATURE: Final = Feature("suggestions", setup=setup, package="gateway.suggestions", core=False)
