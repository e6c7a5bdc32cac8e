"""A node that fetches its list and is sent work as well: one order, whatever comes first (S0.3-14)."""

from pathlib import Path

from gateway.nodes.work_model import Route
from tests.gateway.nodes.work_world import NODE_ID, WorkWorld, work_world

LEDGER = "work-ledger"


async def three(world: WorkWorld) -> list[str]:
    """Three pieces for a node that is asleep."""
    return [await world.submit(key) for key in "abc"]


async def test_what_is_on_a_fetched_list_is_not_sent_beside_it(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        ids = await three(world)
        line = await world.connect()
        assert await line.pull() == ids
        await world.quiet()
        assert line.sent == []
        acked = await world.reports.acknowledge(line.live, ids)
        assert (acked.ids, acked.remaining) == (ids, 0)
        later = await world.submit("d")
        await world.quiet()
        assert line.sent == []  # it overtakes nothing the node still has to do
        for work_id in ids:
            assert await line.report(work_id)
        await world.quiet()
        assert line.sent == [later]
        assert [row.deliveries for row in await world.rows()] == [1, 1, 1, 1]


async def test_with_a_piece_begun_the_list_ends_there(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        ids = await three(world)
        line = await world.connect()
        await world.quiet()
        assert line.sent == ids[:1]
        assert await line.pull() == ids[:1]
        acked = await world.reports.acknowledge(line.live, ids)
        assert (acked.ids, acked.remaining) == (ids[:1], 2)
        assert await line.report(ids[0])
        await world.quiet()
        assert line.sent == ids[:2]


async def test_what_the_node_leaves_on_its_list_is_sent(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        ids = await three(world)
        line = await world.connect()
        await line.pull()
        await world.reports.acknowledge(line.live, ids[1:])
        await world.quiet()
        assert line.sent == ids[:1]  # so that it says why it does not take it
        for work_id in ids:
            await line.report(work_id)
        assert set((await world.states()).values()) == {"done"}


async def test_a_list_that_is_never_acknowledged_is_sent_after_a_while(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        ids = await three(world)
        line = await world.connect()
        await line.pull()
        await world.quiet()
        assert line.sent == []
        await world.clock.advance(5.0)
        await world.quiet()
        assert line.sent == ids[:1]


async def test_a_fetched_list_comes_again_on_the_next_connection(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        ids = await three(world)
        line = await world.connect()
        await line.pull()
        await world.reports.acknowledge(line.live, ids[:1])
        await line.leave()
        line = await world.connect()
        await world.quiet()
        assert line.sent == ids[:1]  # also what it acknowledged: it answers from its ledger
        await line.report(ids[0])
        await world.quiet()
        assert line.sent == ids[:2]


async def test_without_a_ledger_what_left_with_the_line_is_lost(tmp_path: Path) -> None:
    async with work_world(tmp_path) as world:
        ids = await three(world)
        line = await world.connect()
        assert await line.pull() == []
        await world.quiet()
        assert line.sent == ids[:1]
        await line.leave()
        assert await world.states() == dict(zip(ids, ["failed", "queued", "queued"], strict=True))
        line = await world.connect()
        await world.quiet()
        assert line.sent == ids[1:2]


async def test_what_a_node_may_have_goes_to_no_other(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        await world.submit("a", route=Route())
        line = await world.connect()
        assert await line.pull() == ["work-a"]
        await world.submit("b", route=Route())
        await world.clock.advance(5.0)  # it takes nothing from its list, so the first piece is sent
        await world.quiet()
        assert line.sent == ["work-a"]
        await line.leave()
        assert [row.node_id for row in await world.rows()] == [NODE_ID, None]
        await world.book.load()
        assert [row.node_id for row in await world.rows()] == [NODE_ID, None]


async def test_ended_work_is_kept_a_week(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        ids = await three(world)
        line = await world.connect()
        await world.quiet()
        await line.report(ids[0])
        await world.clock.advance(6.9 * 86_400)
        await world.book.expire()
        await world.book.reap()
        assert await world.states() == dict(zip(ids, ["done", "expired", "expired"], strict=True))
        await world.clock.advance(0.2 * 86_400)
        await world.book.reap()
        assert list(await world.states()) == ids[1:]


async def test_after_a_start_nothing_waits_for_a_node_that_is_gone(tmp_path: Path) -> None:
    async with work_world(tmp_path, LEDGER) as world:
        await world.submit("a", node_id="b" * 64)
        await world.submit("b")
        await world.book.load()
        assert await world.states() == {"work-a": "failed", "work-b": "queued"}
        assert [row.error.code for row in await world.rows() if row.error is not None] == ["NODE_REMOVED"]
