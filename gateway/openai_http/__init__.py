"""An OpenAI-compatible interface, so that any OpenAI client can talk to an agent."""

from typing import Final

from gateway.agents.model import AgentDirectory
from gateway.chat.intake import Intake
from gateway.chat.service import Chat
from gateway.kernel.feature import Feature, House
from gateway.kernel.ports import AgentCatalog
from gateway.openai_http.http import OpenAiHttp
from gateway.openai_http.service import Conversations


async def setup(house: House) -> None:
    """Serve `/v1/models` and `/v1/chat/completions`."""
    conversations = Conversations(
        house.need(Intake), house.need(Chat), house.need(AgentDirectory), house.hub, house.tasks
    )
    http = OpenAiHttp(conversations, house.need(AgentCatalog), house.http, house.tasks, house.clock)
    house.http.add("/v1/models", http.models)
    house.http.add("/v1/chat/completions", http.completions, ("POST",))


FEATURE: Final = Feature("openai_http", setup=setup, core=False)
