"""Wrong credentials count per source and kind, across restarts, within bounds (attack cases 14, 23, 24)."""

import pytest

from gateway.devices import lockouts as module
from gateway.devices.lockouts import source_of
from protocol.errors import LockedOut
from tests.gateway.devices.world import OWN_PAGE, World, local, remote


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.5", "203.0.113.5", True),
        ("203.0.113.5", "203.0.113.6", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.5", "203.0.113.5", True),
    ],
)
def test_an_address_or_its_64_is_one_source(one: str, other: str, same: bool) -> None:
    assert (source_of(remote(one)) == source_of(remote(other))) is same


def test_programs_here_are_exempt_and_pages_are_not() -> None:
    assert source_of(local()) is None
    assert source_of(local(OWN_PAGE)) == f"origin:{OWN_PAGE}"
    assert source_of(remote("127.0.0.1")) == "127.0.0.1", "a proxy on this machine is no program on it"
    assert source_of(remote("unparseable")) == "peer:unparseable"


async def fail(world: World, times: int, source: str = "203.0.113.5") -> None:
    for _ in range(times):
        await world.lockouts.failed(source, "shared")


async def test_ten_within_a_minute_lock_for_five(world: World) -> None:
    await fail(world, 9)
    world.lockouts.check("203.0.113.5", "shared")
    await fail(world, 1)
    with pytest.raises(LockedOut) as caught:
        world.lockouts.check("203.0.113.5", "shared")
    assert caught.value.retry_after_ms == 300_000
    world.lockouts.check("203.0.113.5", "device")
    world.lockouts.check("203.0.113.6", "shared")
    world.lockouts.check(None, "shared")
    await world.clock.advance(300)
    world.lockouts.check("203.0.113.5", "shared")


async def test_slow_failures_do_not_add_up(world: World) -> None:
    for _ in range(5):
        await fail(world, 9)
        await world.clock.advance(60)
    world.lockouts.check("203.0.113.5", "shared")


async def test_success_clears_its_own_kind(world: World) -> None:
    await fail(world, 9)
    await world.lockouts.failed("203.0.113.5", "device")
    await world.lockouts.succeeded("203.0.113.5", "shared")
    await fail(world, 9)
    world.lockouts.check("203.0.113.5", "shared")
    world = await world.reopened()
    for _ in range(9):
        await world.lockouts.failed("203.0.113.5", "device")
    with pytest.raises(LockedOut):
        world.lockouts.check("203.0.113.5", "device")
    await world.tasks.close(1.0)


async def test_a_restart_forgets_nothing(world: World) -> None:
    """Attack case 23: neither a lock-out nor a count below it."""
    await fail(world, 10)
    await fail(world, 9, "198.51.100.7")
    world = await world.reopened()
    with pytest.raises(LockedOut):
        world.lockouts.check("203.0.113.5", "shared")
    await fail(world, 1, "198.51.100.7")
    with pytest.raises(LockedOut):
        world.lockouts.check("198.51.100.7", "shared")
    await world.tasks.close(1.0)


async def test_what_is_over_is_forgotten(world: World) -> None:
    await fail(world, 3)
    await fail(world, 10, "198.51.100.7")
    await world.clock.advance(61)
    await world.lockouts.reap()
    assert await _rows(world) == 1
    await world.clock.advance(300)
    await world.lockouts.reap()
    assert await _rows(world) == 0


async def test_a_flood_of_sources_stays_within_bounds_and_keeps_lock_outs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SOURCES", 50)
    await fail(world, 10)
    for number in range(120):
        await world.lockouts.failed(f"198.51.100.{number}", "shared")
    assert await _rows(world) <= 51
    with pytest.raises(LockedOut):
        world.lockouts.check("203.0.113.5", "shared")


async def test_repair_lifts_lock_outs(world: World) -> None:
    await fail(world, 10)
    await fail(world, 1, "198.51.100.7")
    repaired = await world.repair.repair(world.operator(), None)
    assert (repaired.lockouts, repaired.actions) == (1, ["lifted 1 lock-outs"])
    world.lockouts.check("203.0.113.5", "shared")
    assert await _rows(world) == 0


async def _rows(world: World) -> int:
    return await world.db.read(lambda tx: tx.execute("SELECT count(*) FROM auth_failures").fetchone()[0])
