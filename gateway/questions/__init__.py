"""Questions: what an agent asks a person waits here until it is answered."""

from typing import Final

from gateway.kernel.feature import Feature, House
from gateway.questions.api import QuestionsApi
from gateway.questions.service import Questions

EXPIRY_CHECK_S: Final = 30.0
"""Whoever waits is woken exactly; this only settles questions nobody waits for."""

REAP_INTERVAL_S: Final = 3600.0


async def setup(house: House) -> None:
    """Offer questions and answer for them."""
    questions = house.offer(Questions(house.database("state"), house.hub, house.clock))
    house.rpc.add(QuestionsApi(questions))
    house.tasks.every("question expiry", EXPIRY_CHECK_S, questions.expire)
    house.tasks.every("question reaper", REAP_INTERVAL_S, questions.reap)


FEATURE: Final = Feature("questions", setup=setup, package="gateway.questions")
