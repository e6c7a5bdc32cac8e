"""The transcripts: what was said in each session, append-only, in a file of their own."""

from typing import Final

from gateway.kernel.feature import Feature, House
from gateway.transcripts.model import TranscriptSettings
from gateway.transcripts.service import Transcripts

REAP_INTERVAL_S: Final = 6 * 60 * 60
"""Deleted transcripts are kept for days; hours more do not matter."""


async def setup(house: House) -> None:
    """Offer the transcripts to later features."""
    transcripts = Transcripts(
        house.database("transcripts"), house.clock, lambda: house.config.get(TranscriptSettings)
    )
    house.offer(transcripts)

    async def reap() -> None:
        await transcripts.reap()

    house.after_start(reap)
    house.tasks.every("transcripts.reap", REAP_INTERVAL_S, reap)


FEATURE = Feature(
    "transcripts",
    setup=setup,
    package="gateway.transcripts",
    database="transcripts",
    settings=TranscriptSettings,
)
