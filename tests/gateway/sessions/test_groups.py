"""Groups people sort their sessions into."""

import pytest

from gateway.sessions.groups import SessionGroups
from gateway.sessions.keys import canonical_key
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.methods.sessions_changes import SessionsPatch
from tests.gateway.sessions.conftest import House


@pytest.fixture
def groups(house: House) -> SessionGroups:
    return SessionGroups(house.db)


async def put_into(house: House, name: str, category: str | None) -> None:
    key = canonical_key(name)
    await house.sessions.patch(key, SessionsPatch(key=key, category=category), None)


async def names(groups: SessionGroups) -> list[str]:
    return [group.name for group in (await groups.all()).groups]


async def test_a_group_exists_from_its_first_use_on(house: House, groups: SessionGroups) -> None:
    await put_into(house, "a", "Home")
    await put_into(house, "b", "Work")
    await put_into(house, "c", "Home")
    await put_into(house, "a", None)
    await put_into(house, "c", None)
    assert await names(groups) == ["Home", "Work"]


async def test_order_is_what_was_put(house: House, groups: SessionGroups) -> None:
    await groups.put(["b", "a"], ["pinned", "b", "a"])
    found = await groups.put(["a", "b", "c"], None)
    assert [(group.name, group.position) for group in found.groups] == [("a", 0), ("b", 1), ("c", 2)]
    assert found.section_order == ["pinned", "b", "a"]
    with pytest.raises(InvalidRequest, match="twice"):
        await groups.put(["a", "a"], None)


async def test_a_group_with_sessions_is_not_dropped_by_leaving_it_out(
    house: House, groups: SessionGroups
) -> None:
    await put_into(house, "a", "Home")
    with pytest.raises(InvalidRequest, match='"Home" still has 1 sessions'):
        await groups.put(["Work"], None)
    assert await names(groups) == ["Home"]


async def test_renaming_and_deleting_take_the_sessions_along(house: House, groups: SessionGroups) -> None:
    await put_into(house, "a", "Home")
    await groups.put(["Home", "Work"], ["Home"])
    renamed, moved = await groups.rename("Home", "House")
    assert (moved, renamed.section_order) == (1, ["House"])
    session = await house.index.get(canonical_key("a"))
    assert session is not None
    assert session.category == "House"
    with pytest.raises(Conflict, match="to:"):
        await groups.rename("House", "Work")
    _, left = await groups.delete("House")
    assert left == 1
    session = await house.index.get(canonical_key("a"))
    assert session is not None
    assert session.category is None
    assert (await groups.all()).section_order == []


async def test_defaults_for_new_sessions(groups: SessionGroups) -> None:
    await groups.put(["Home", "Work"], None)
    assert await groups.defaults() == []
    (saved,) = await groups.update("Work", "/srv/books", worktree=True)
    assert (saved.name, saved.cwd, saved.worktree) == ("Work", "/srv/books", True)
    assert await groups.update("Work", None, worktree=False) == []


async def test_unknown_groups_are_named(groups: SessionGroups) -> None:
    for call in (
        groups.rename("nowhere", "x"),
        groups.delete("nowhere"),
        groups.update("nowhere", None, worktree=False),
    ):
        with pytest.raises(NotFound, match='no group "nowhere"'):
            await call
