"""Run ids that the gateway issued are told from inventions (case 40)."""

from gateway.nodes.runs import KEEP_MS, MAX_RUNS, AuthorisedRuns
from tests.support.clock import FakeClock


async def test_a_run_is_known_only_for_the_node_it_was_issued_for() -> None:
    runs = AuthorisedRuns(FakeClock())
    run_id = runs.issue("node-a", "agent:main:main")
    found = runs.find(run_id, "node-a")
    assert found is not None
    assert (found.node_id, found.session_key) == ("node-a", "agent:main:main")
    assert runs.find(run_id, "node-b") is None
    assert runs.find("invented", "node-a") is None


async def test_a_run_is_forgotten_after_the_longest_command() -> None:
    clock = FakeClock()
    runs = AuthorisedRuns(clock)
    run_id = runs.issue("node-a", None)
    await clock.advance(KEEP_MS / 1000)
    assert runs.find(run_id, "node-a") is not None
    await clock.advance(0.001)
    assert runs.find(run_id, "node-a") is None


async def test_the_oldest_runs_make_room() -> None:
    runs = AuthorisedRuns(FakeClock())
    issued = [runs.issue("node-a", None) for _ in range(MAX_RUNS + 1)]
    assert len(set(issued)) == MAX_RUNS + 1
    assert runs.find(issued[0], "node-a") is None
    assert runs.find(issued[1], "node-a") is not None
    assert runs.find(issued[-1], "node-a") is not None
