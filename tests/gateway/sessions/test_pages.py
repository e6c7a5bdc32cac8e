"""Each version of the index is scanned once per question."""

import asyncio

import pytest

from gateway.sessions.pages import PageCache


class Maker:
    """Makes numbered answers, slowly when told to."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.made = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> tuple[int, bytes]:
        self.made += 1
        answer = b"answer %d" % self.made
        await self.gate.wait()
        return self.version, answer


async def test_the_same_question_is_answered_from_the_cache_until_the_version_grows() -> None:
    cache, maker = PageCache(), Maker(1)
    assert await cache.get(1, b"q", maker) == b"answer 1"
    assert await cache.get(1, b"q", maker) == b"answer 1"
    assert await cache.get(1, b"other", maker) == b"answer 2"
    maker.version = 2
    assert await cache.get(2, b"q", maker) == b"answer 3"
    assert len(cache) == 1


async def test_all_who_ask_at_once_share_one_answer() -> None:
    cache, maker = PageCache(), Maker(1)
    maker.gate.clear()
    asking = [asyncio.create_task(cache.get(1, b"q", maker)) for _ in range(24)]
    await asyncio.sleep(0)
    maker.gate.set()
    assert set(await asyncio.gather(*asking)) == {b"answer 1"}
    assert maker.made == 1


async def test_an_answer_made_from_an_older_version_is_not_kept_for_a_newer_one() -> None:
    cache, maker = PageCache(), Maker(1)
    maker.gate.clear()
    late = asyncio.create_task(cache.get(1, b"q", maker))
    await asyncio.sleep(0)
    newer = Maker(2)
    assert await cache.get(2, b"q", newer) == b"answer 1"
    maker.gate.set()
    assert await late == b"answer 1"
    assert await cache.get(2, b"q", newer) == b"answer 1"
    assert (maker.made, newer.made) == (1, 1)


async def test_an_answer_that_saw_more_than_was_asked_serves_the_newer_version() -> None:
    cache, maker = PageCache(), Maker(3)
    await cache.get(1, b"q", maker)
    await cache.get(3, b"q", maker)
    assert maker.made == 1


async def test_who_waited_for_a_caller_that_went_away_asks_again() -> None:
    cache, maker = PageCache(), Maker(1)
    maker.gate.clear()
    first = asyncio.create_task(cache.get(1, b"q", maker))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get(1, b"q", maker))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    maker.gate.set()
    assert await second == b"answer 2"
    assert first.cancelled()


async def test_a_failure_is_the_askers_own() -> None:
    cache, maker = PageCache(), Maker(1)

    async def fail() -> tuple[int, bytes]:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await cache.get(1, b"q", fail)
    assert await cache.get(1, b"q", maker) == b"answer 1"


async def test_the_oldest_answers_go_when_there_is_no_room() -> None:
    cache, maker = PageCache(max_bytes=20), Maker(1)
    for question in (b"a", b"b", b"a", b"c"):
        await cache.get(1, question, maker)
    assert cache.stored_bytes <= 20
    before = maker.made
    await cache.get(1, b"a", maker)
    assert maker.made == before
    await cache.get(1, b"b", maker)
    assert maker.made == before + 1


async def test_an_answer_too_large_to_keep_is_given_all_the_same() -> None:
    cache, maker = PageCache(max_bytes=3), Maker(1)
    assert await cache.get(1, b"q", maker) == b"answer 1"
    assert (len(cache), cache.stored_bytes) == (0, 0)


async def test_clearing_also_disowns_what_is_being_made() -> None:
    cache, maker = PageCache(), Maker(1)
    maker.gate.clear()
    early = asyncio.create_task(cache.get(1, b"q", maker))
    await asyncio.sleep(0)
    cache.clear()
    maker.gate.set()
    assert await early == b"answer 1"
    assert await cache.get(1, b"q", maker) == b"answer 2"
