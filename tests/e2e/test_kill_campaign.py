"""Kills at random moments while three clients chat (DC-6; issue 2, "Done when" 4).

`HOMARUS_KILLS` and `HOMARUS_KILL_SEED` repeat or lengthen the campaign.
"""

import asyncio
import logging
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.kill_campaign import CLIENTS, Books, Talker, config, judge, kill_often
from tests.support.daemon import Daemon

logger = logging.getLogger(__name__)

KILLS = int(os.environ.get("HOMARUS_KILLS", "200"))
SEED = int(os.environ.get("HOMARUS_KILL_SEED", "20261120"))


@pytest.mark.timeout(120 + KILLS * 6)
async def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    effects = tmp_path / "effects.txt"
    books = Books(tmp_path / "acknowledged.txt")
    async with Daemon(tmp_path, config=config(effects)) as daemon:
        stop = asyncio.Event()
        talkers = [Talker(name, daemon, books, SEED) for name in CLIENTS]
        talking = [asyncio.create_task(talker.talk(stop)) for talker in talkers]
        try:
            await kill_often(daemon, KILLS, random.Random(SEED))
        finally:
            stop.set()
            await asyncio.gather(*talking)
        verdict = await judge(daemon, books)
    done = Counter(effects.read_text(encoding="utf-8").split())
    logger.info(
        "%d kills, %d acknowledged, %d repeats, ends: %s",
        KILLS,
        len(books.acknowledged),
        books.repeats,
        dict(verdict.outcomes),
    )
    assert len(books.acknowledged) > KILLS, "the clients hardly said anything"
    # Every acknowledged message is in a history once, and no message of any kind is there twice.
    assert [run_id for run_id in books.acknowledged if verdict.said[run_id] != 1] == []
    assert [run_id for run_id, times in verdict.said.items() if times != 1] == []
    # Every run has an end: answered, or reported as interrupted.
    assert verdict.open_runs == []
    assert set(verdict.outcomes) <= {"stop", "restart"}
    # What the clerk did, it did once; and every run it finished has its effect.
    assert [run_id for run_id, times in done.items() if times != 1] == []
    assert [run_id for run_id in verdict.finished if run_id.startswith("cleo") and not done[run_id]] == []
