"""Which sessions a list holds, in which order, page after page."""

from typing import Any

import msgspec
import pytest

from gateway.sessions.keys import canonical_key
from gateway.sessions.model import Overrides
from protocol.errors import InvalidRequest
from protocol.methods.sessions import SessionFilter
from protocol.nouns.session import Actor, Identity, Owner
from tests.gateway.sessions.conftest import House

# Any: a list as a client reads it.
Listed = dict[str, Any]


async def listed(house: House, profile_id: str | None = None, **wanted: Any) -> Listed:
    page = await house.index.page(SessionFilter(**wanted), profile_id)
    return msgspec.json.decode(page, type=Listed)


async def names(house: House, profile_id: str | None = None, **wanted: Any) -> list[str]:
    page = await listed(house, profile_id, **wanted)
    return [row["key"].removeprefix("agent:main:") for row in page["sessions"]]


async def test_newest_change_first_and_pins_before_all(house: House) -> None:
    for name in ("a", "b", "c"):
        await house.make(name)
    await house.set("a", pinned_ms=1)
    assert await names(house) == ["a", "c", "b"]
    await house.set("b", last_interaction_ms=5)
    assert await names(house, sort_by="lastInteractionAt") == ["b", "c", "a"]
    assert await names(house, require_last_interaction=True) == ["b"]
    await house.set("a", last_activity_ms=house.clock.now_ms() + 9)
    assert (await names(house, sort_by="activity"))[0] == "a"


@pytest.mark.parametrize("sort_by", ["updatedAt", "lastInteractionAt", "activity"])
async def test_pages_by_offset_and_by_cursor_hold_every_session_once(house: House, sort_by: str) -> None:
    for n in range(23):
        await house.make(f"s{n:02d}")
        if n % 3 == 0:
            await house.set(f"s{n:02d}", pinned_ms=1, last_interaction_ms=7)
    whole = await names(house, sort_by=sort_by, limit=1000)
    assert len(whole) == 23

    by_offset: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page = await listed(house, sort_by=sort_by, limit=5, offset=offset)
        by_offset += [row["key"].removeprefix("agent:main:") for row in page["sessions"]]
        assert page["totalCount"] == 23
        assert page["hasMore"] is (page["nextOffset"] is not None)
        offset = page["nextOffset"]
    assert by_offset == whole

    by_cursor: list[str] = []
    cursor: str | None = None
    while True:
        page = await listed(house, sort_by=sort_by, limit=5, cursor=cursor)
        by_cursor += [row["key"].removeprefix("agent:main:") for row in page["sessions"]]
        cursor = page.get("nextCursor")
        if cursor is None:
            break
    assert by_cursor == whole


async def test_a_session_that_moves_up_meanwhile_is_not_repeated_by_a_cursor(house: House) -> None:
    for name in ("a", "b", "c", "d"):
        await house.make(name)
    first = await listed(house, limit=2)
    house.clock.jump(5)
    await house.set("a", updated_ms=house.clock.now_ms())
    assert await names(house, limit=2, cursor=first["nextCursor"]) == ["b"]


async def test_a_cursor_of_another_list_is_refused_by_name(house: House) -> None:
    await house.make("a")
    await house.make("b")
    page = await listed(house, limit=1, sort_by="activity")
    for cursor in (page["nextCursor"], "nonsense", "", "é"):
        with pytest.raises(InvalidRequest, match="cursor:"):
            await listed(house, cursor=cursor)


async def test_archived_sessions_are_listed_only_when_asked_for(house: House) -> None:
    await house.make("live")
    await house.make("old")
    await house.set("old", archived_ms=1)
    assert await names(house) == ["live"]
    assert await names(house, archived=True) == ["old"]
    assert await names(house, archived="all") == ["old", "live"]


async def test_filters(house: House) -> None:
    await house.make("main")
    await house.make("cron:nightly")
    await house.make("subagent:1")
    await house.make("dashboard:1", label="Holiday plans")
    await house.make("agent:cook:main")
    await house.make("agent:gone:main")
    await house.make("global")
    await house.make("unknown")
    await house.set("dashboard:1", overrides=Overrides(board_face="dashboard"), active_runs=("r",))
    await house.set("cron:nightly", spawned_by="agent:main:main", title="100% done_now")

    everyone = {"main", "cron:nightly", "subagent:1", "dashboard:1", "agent:cook:main", "agent:gone:main"}
    assert set(await names(house)) == everyone
    assert set(await names(house, include_global=True, include_unknown=True)) == everyone | {
        "global",
        "unknown",
    }
    assert await names(house, agent_id="cook") == ["agent:cook:main"]
    assert await names(house, agent_id="COOK", include_global=True) == ["global", "agent:cook:main"]
    assert "agent:gone:main" not in await names(house, configured_agents_only=True)
    assert set(await names(house, agent_id="main", exclude_cron=True, exclude_subagents=True)) == {
        "main",
        "dashboard:1",
    }
    assert await names(house, label="Holiday plans") == ["dashboard:1"]
    assert await names(house, spawned_by="agent:main:main") == ["cron:nightly"]
    assert await names(house, active_only=True) == ["dashboard:1"]
    assert await names(house, board_face="dashboard") == ["dashboard:1"]
    assert await names(house, has_board=True) == []
    assert await names(house, search="holiday") == ["dashboard:1"]
    assert await names(house, search="100%") == ["cron:nightly"]
    assert await names(house, search="e_n") == ["cron:nightly"]
    assert await names(house, search="%") == ["cron:nightly"]
    session = await house.index.get(canonical_key("subagent:1"))
    assert session is not None
    assert await names(house, search=session.session_id[:13]) == ["subagent:1"]
    assert len(await names(house, search="  ")) == 6


async def test_recent_means_within_the_minutes_named_whatever_was_cached(house: House) -> None:
    await house.make("a")
    assert await names(house, active_minutes=10) == ["a"]
    house.clock.jump(11 * 60)
    assert await names(house, active_minutes=10) == []
    assert await names(house, active_minutes=10, sort_by="activity") == []


async def test_whose_sessions_they_are(house: House) -> None:
    ann, bob = Actor(type="human", id="ann"), Actor(type="human", id="bob")
    await house.make("anns", creator=ann)
    await house.make("bobs", creator=bob)
    await house.make("given", creator=bob)
    await house.set("given", owner=Owner(actor=ann))
    await house.make("heard", creator=bob)
    await house.set("heard", participants=(Identity(type="profile", id="ann"),))
    await house.make("nobodys", creator=None)

    assert await names(house, owner_id="ann") == ["given", "anns"]
    assert await names(house, creator_id="bob") == ["heard", "given", "bobs"]
    assert await names(house, involving_profile_id="ann") == ["heard", "given", "anns"]
    assert await names(house, "ann", involving_me=True) == ["heard", "given", "anns"]
    page = await listed(house, owner_id="ann", include_people=True)
    assert sorted(owner["id"] for owner in page["owners"]) == ["ann", "bob"]
    assert page["owners"][0]["identity"]["type"] == "profile"
    assert page["people"] == [{"identity": {"type": "profile", "id": "ann"}, "sessionCount": 2}]


async def test_the_callers_own_sessions_come_first_on_the_first_page_only(house: House) -> None:
    ann, bob = Actor(type="human", id="ann"), Actor(type="human", id="bob")
    for n in range(3):
        await house.make(f"ann{n}", creator=ann)
    for n in range(4):
        await house.make(f"bob{n}", creator=bob)
    page = await listed(house, "ann", owner_first=True, limit=2)
    assert [row["key"][-4:] for row in page["sessions"]] == ["ann2", "ann1", "bob3", "bob2"]
    assert (page["count"], page["limitApplied"], page["nextOffset"], page["totalCount"]) == (4, 2, 2, 7)
    assert await names(house, "ann", owner_first=True, limit=2, offset=2) == ["bob1", "bob0"]
    assert await names(house, None, owner_first=True, limit=2) == ["bob3", "bob2"]


async def test_limits_are_applied_and_told(house: House) -> None:
    await house.make("a")
    assert (await listed(house))["limitApplied"] == 100
    assert (await listed(house, limit=100_000))["limitApplied"] == 1000
    empty = await listed(house, offset=5)
    assert (empty["sessions"], empty["hasMore"], empty["nextOffset"], empty["offset"]) == ([], False, None, 5)
