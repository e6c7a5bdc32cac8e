"""What survives a crash (DC-6): nothing acknowledged is lost, nothing is done twice."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.agents.model import Finished, Steering, TextDelta, Turn, TurnEvent
from gateway.chat.model import ChatSettings
from gateway.kernel.store.errors import StoreFull
from gateway.transcripts.model import NewEntry, StoredMessage
from protocol.methods.agent import Agent, AgentWait
from protocol.methods.tasks import TasksList
from tests.gateway.chat.house import ScriptedAgents, TestHouse, opened
from tests.gateway.chat.scripts import Gate, SteeredGate

INTERRUPTED = "This answer was interrupted because the gateway stopped. Send the message again to get one."


async def begun(house: TestHouse, run_id: str) -> None:
    """Wait until a run has said something."""
    await house.watcher.until(lambda: [e for e in house.watcher.of("chat", run_id) if e["state"] == "delta"])


class TestCrash:
    """The process is gone between two statements."""

    async def test_a_running_answer_is_reported_as_interrupted_and_not_run_again(
        self, tmp_path: Path
    ) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.crash()
        agents = ScriptedAgents()
        async with opened(tmp_path, agents) as house:
            assert await house.said() == [("user", "1"), ("assistant", INTERRUPTED)]
            outcome = await house.call(AgentWait(run_id="k1"))
            assert (outcome.status, outcome.stop_reason) == ("error", "restart")
            assert (await house.watcher.ended("k1"))["stopReason"] == "restart"
            assert (await house.send("1", "k1")).status == "error"
            info = (await house.view()).session_info
            assert (info.active_run_ids, info.status, info.last_run_error) == ([], "failed", INTERRUPTED)
        assert agents.turns == []

    async def test_an_accepted_message_is_answered_once_after_the_restart(self, tmp_path: Path) -> None:
        async with opened(tmp_path, settings=ChatSettings(queue_mode="followup")) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            await house.send("3", "k3")
            await house.crash()
        agents = ScriptedAgents()
        async with opened(tmp_path, agents) as house:
            await house.watcher.ended("k3")
            assert [asked.message for asked in agents.turns] == ["2", "3"]
            assert await house.said() == [
                ("user", "1"),
                ("assistant", INTERRUPTED),
                ("user", "2"),
                ("assistant", "echo: 2"),
                ("user", "3"),
                ("assistant", "echo: 3"),
            ]
        async with opened(tmp_path, agents) as house:
            assert house.recovered is not None
            assert (house.recovered.accepted, house.recovered.interrupted) == ((), ())
        assert len(agents.turns) == 2

    async def test_a_message_that_had_joined_a_turn_shares_its_fate(self, tmp_path: Path) -> None:
        joined = asyncio.Event()

        ready = asyncio.Event()

        async def script(_asked: Turn, steering: Steering) -> AsyncGenerator[TurnEvent]:
            yield TextDelta("x")
            await ready.wait()
            assert await steering.next_messages() == ("2",)
            joined.set()
            await asyncio.sleep(60)
            yield Finished("stop")

        async with opened(tmp_path) as house:
            house.agents.script = script
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            ready.set()
            await joined.wait()
            await house.crash()
        agents = ScriptedAgents()
        async with opened(tmp_path, agents) as house:
            assert await house.said() == [("user", "1"), ("user", "2"), ("assistant", INTERRUPTED)]
            assert (await house.call(AgentWait(run_id="k2"))).stop_reason == "restart"
        assert agents.turns == []

    async def test_what_was_in_the_outbox_is_said_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The crash comes after the commit in `state.db` and before the transcript."""
        async with opened(tmp_path) as house:
            reached = asyncio.Event()

            async def hang(_session: str, _entries: list[NewEntry]) -> list[StoredMessage]:
                reached.set()
                return await asyncio.Future()

            monkeypatch.setattr(house.parts.transcripts, "append", hang)
            await house.send("1", "k1")
            await reached.wait()
            await house.crash()
        async with opened(tmp_path) as house:
            assert await house.said() == [("user", "1"), ("assistant", INTERRUPTED)]

    async def test_what_was_said_and_still_in_the_outbox_is_not_said_again(self, tmp_path: Path) -> None:
        """The crash comes after the transcript and before the row was removed."""
        async with opened(tmp_path) as house:
            await house.send("1", "k1")
            await house.watcher.ended("k1")
            assert house.room.outbox.delivered_ids
            await house.crash()
        async with opened(tmp_path) as house:
            assert await house.said() == [("user", "1"), ("assistant", "echo: 1")]
            assert house.watcher.of("session.message") == []

    async def test_a_task_ends_with_its_interrupted_run(self, tmp_path: Path) -> None:
        async with opened(tmp_path, settings=ChatSettings(max_concurrent_turns=1)) as house:
            house.agents.script = Gate()
            await house.call(Agent(message="1", idempotency_key="k1"))
            await begun(house, "k1")
            await house.call(Agent(message="2", idempotency_key="k2", session_key="other"))
            await house.crash()
        async with opened(tmp_path) as house:
            await house.watcher.ended("k2")
            states = {task.run_id: task.status for task in (await house.call(TasksList())).tasks}
            assert states == {"k1": "failed", "k2": "completed"}


class TestStop:
    """The process ends in order."""

    async def test_a_turn_gets_a_moment_and_is_then_interrupted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.chat.service.SHUTDOWN_GRACE_S", 0.1)
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2", queue_mode="followup")
        agents = ScriptedAgents()
        async with opened(tmp_path, agents) as house:
            await house.watcher.ended("k2")
            said = await house.said()
            assert said[:2] == [("user", "1"), ("assistant", "begun 1")]
            assert (await house.call(AgentWait(run_id="k1"))).stop_reason == "restart"
            assert [asked.message for asked in agents.turns] == ["2"]

    async def test_a_turn_that_is_nearly_done_is_let_finish(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = SteeredGate()
            await house.send("1", "k1")
            await begun(house, "k1")
            asyncio.get_running_loop().call_later(0.05, gate.opened.set)
        async with opened(tmp_path) as house:
            assert await house.said() == [("user", "1"), ("assistant", "begun 1")]
            assert (await house.call(AgentWait(run_id="k1"))).status == "ok"


class TestDisk:
    """The disk fails for a while."""

    async def test_an_accepted_message_waits_for_the_disk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(tmp_path) as house:
            begin, failures = house.room.book.begin, [StoreFull("state.db"), StoreFull("state.db")]

            async def failing(*args: object) -> object:
                if failures:
                    raise failures.pop()
                return await begin(*args)  # pyright: ignore[reportArgumentType] - passes on what it got

            monkeypatch.setattr(house.room.book, "begin", failing)
            await house.send("1", "k1")
            assert (await house.watcher.ended("k1"))["state"] == "final"
            assert failures == []
            assert await house.said() == [("user", "1"), ("assistant", "echo: 1")]
