"""A decision made while authority was withdrawn is made again (attack cases 19 and 20)."""

from protocol.scopes import Role
from tests.gateway.devices.world import World


async def test_a_decision_is_repeated_until_nothing_was_withdrawn_meanwhile(world: World) -> None:
    seen: list[int] = []

    async def decide() -> int:
        seen.append(len(seen))
        if len(seen) < 3:
            world.epoch.withdraw("some-device", Role.OPERATOR)
        return seen[-1]

    assert await world.epoch.settled(decide) == 2
    assert seen == [0, 1, 2]


async def test_only_the_named_role_and_device_are_closed(world: World) -> None:
    mine = world.join(world.operator(device_id="d1"))
    spared = world.join(world.operator(device_id="d1"))
    other = world.join(world.operator(device_id="d2"))
    anonymous = world.join(world.operator())
    assert world.epoch.withdraw("d1", Role.NODE) == 0
    assert world.epoch.withdraw("d1", None, spare=spared.principal.conn_id) == 1
    assert (mine.closed, spared.closed, other.closed, anonymous.closed) == (
        (4001, "device removed"),
        None,
        None,
        None,
    )
    world.epoch.close(spared.principal.conn_id)
    assert spared.closed == (4001, "device removed")
