"""What a message does while its session answers another one, and stopping (queue modes of OpenClaw)."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.agents.model import Finished, Steering, TextDelta, Turn, TurnEvent
from gateway.chat import turn
from gateway.chat.model import ChatSettings
from protocol.methods.chat import ChatAbort, SessionsAbort
from protocol.scopes import Scope
from tests.gateway.chat.house import TestHouse, opened, principal
from tests.gateway.chat.scripts import Gate, SteeredGate, stubborn, with_tool


async def begun(house: TestHouse, run_id: str) -> None:
    """Wait until a run has said something."""
    await house.watcher.until(lambda: [e for e in house.watcher.of("chat", run_id) if e["state"] == "delta"])


class TestModes:
    """steer, followup, collect, interrupt."""

    async def test_a_followup_waits_its_turn(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2", queue_mode="followup")
            await house.send("3", "k3", queue_mode="followup")
            gate.opened.set()
            await house.watcher.ended("k3")
            assert [asked.message for asked in house.agents.turns] == ["1", "2", "3"]
            assert await house.said() == [
                ("user", "1"),
                ("assistant", "begun 1, done"),
                ("user", "2"),
                ("assistant", "begun 2, done"),
                ("user", "3"),
                ("assistant", "begun 3, done"),
            ]

    async def test_sessions_do_not_wait_for_each_other(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await house.send("2", "k2", session_key="other")
            await begun(house, "k1")
            await begun(house, "k2")
            gate.opened.set()
            await house.watcher.ended("k1")
            await house.watcher.ended("k2")

    async def test_turns_of_all_sessions_are_bounded(self, tmp_path: Path) -> None:
        async with opened(tmp_path, settings=ChatSettings(max_concurrent_turns=2)) as house:
            gate = house.agents.script = Gate()
            for number in range(4):
                await house.send("x", f"k{number}", session_key=f"s{number}")
            await begun(house, "k0")
            await begun(house, "k1")
            await asyncio.sleep(0.05)
            assert len(house.agents.turns) == 2
            gate.opened.set()
            for number in range(4):
                await house.watcher.ended(f"k{number}")

    async def test_a_steering_message_joins_the_answer(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = SteeredGate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            gate.opened.set()
            assert (await house.watcher.ended("k1"))["message"]["content"][0]["text"] == "begun 1, also 2"
            joined = await house.watcher.ended("k2")
            assert (joined["state"], "message" in joined) == ("final", False)
            assert len(house.agents.turns) == 1
            said = [("user", "1"), ("user", "2"), ("assistant", "begun 1, also 2")]
            assert await house.said() == said
            assert (await house.send("2", "k2")).status == "ok"

    async def test_a_steering_message_nobody_asked_for_gets_its_own_turn(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            gate.opened.set()
            await house.watcher.ended("k2")
            assert [asked.message for asked in house.agents.turns] == ["1", "2"]

    async def test_nobody_steers_a_turn_that_may_do_more(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = SteeredGate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2", who=principal("c2", scopes=(Scope.WRITE,)))
            gate.opened.set()
            await house.watcher.ended("k2")
            assert [asked.message for asked in house.agents.turns] == ["1", "2"]
            assert house.agents.turns[1].scopes == (Scope.WRITE,)

    async def test_collected_messages_share_one_turn(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            for key in ("k2", "k3", "k4"):
                await house.send(key, key, queue_mode="collect")
            gate.opened.set()
            await house.watcher.ended("k4")
            assert [asked.message for asked in house.agents.turns] == ["1", "k2\n\nk3\n\nk4"]
            users = [text for role, text in await house.said() if role == "user"]
            assert users == ["1", "k2", "k3", "k4"]

    async def test_an_interrupting_message_ends_the_answer(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2", queue_mode="followup")
            ack = await house.send("3", "k3", queue_mode="interrupt")
            assert ack.interrupted_active_run is True
            assert (await house.watcher.ended("k1"))["stopReason"] == "interrupt"
            gate.opened.set()
            await house.watcher.ended("k2")
            assert [asked.message for asked in house.agents.turns] == ["1", "3", "2"]

    async def test_a_session_remembers_its_mode(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            gate.opened.set()
            await house.send("/queue collect", "k0")
            await house.watcher.ended("k0")
            gate.opened.clear()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            await house.send("3", "k3")
            gate.opened.set()
            await house.watcher.ended("k3")
            assert [asked.message for asked in house.agents.turns] == ["1", "2\n\n3"]


class TestStop:
    """Ending runs before they are done."""

    async def test_a_stopped_answer_keeps_what_it_said(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            began_s = time.monotonic()
            result = await house.call(ChatAbort(session_key="main"))
            assert time.monotonic() - began_s < 1.0
            assert (result.aborted, result.run_ids) == (True, ["k1"])
            end = await house.watcher.ended("k1")
            assert (end["state"], end["stopReason"]) == ("aborted", "rpc")
            assert end["message"]["content"][0]["text"] == "begun 1"
            assert gate.cancelled == 1
            assert await house.said() == [("user", "1"), ("assistant", "begun 1")]
            last = house.watcher.of("agent", "k1")[-1]["data"]
            assert (last["phase"], last["status"], last["aborted"]) == ("end", "cancelled", True)
            info = (await house.view()).session_info
            assert (info.status, info.aborted_last_run) == ("killed", True)

    async def test_stopping_a_session_drops_what_waits_and_keeps_it_readable(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            result = await house.call(ChatAbort(session_key="main"))
            assert sorted(result.run_ids) == ["k1", "k2"]
            assert (await house.watcher.ended("k2"))["state"] == "aborted"
            assert sorted(await house.said()) == [("assistant", "begun 1"), ("user", "1"), ("user", "2")]
            assert len(house.agents.turns) == 1

    async def test_one_waiting_run_can_be_stopped(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            await house.send("3", "k3")
            result = await house.call(ChatAbort(session_key="main", run_id="k2"))
            assert result.run_ids == ["k2"]
            gate.opened.set()
            await house.watcher.ended("k3")
            assert [asked.message for asked in house.agents.turns] == ["1", "3"]

    async def test_sessions_abort_leaves_the_queue_unless_told(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            result = await house.call(SessionsAbort(run_id="k1"))
            assert (result.status, result.aborted_run_id) == ("aborted", "k1")
            gate.opened.set()
            assert (await house.watcher.ended("k2"))["state"] == "final"
            assert (await house.call(SessionsAbort(key="main"))).status == "no-active-run"

    async def test_an_agent_that_ignores_the_stop_is_left_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turn, "ABORT_GRACE_S", 0.05)
        async with opened(tmp_path) as house:
            house.agents.script = stubborn
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.call(ChatAbort(session_key="main"))
            assert (await house.watcher.ended("k1"))["state"] == "aborted"

    async def test_an_answer_may_take_only_so_long(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1", timeout_ms=60)
            end = await house.watcher.ended("k1")
            assert (end["state"], end["errorKind"]) == ("error", "timeout")
            assert "longer than 0.06 s" in end["errorMessage"]
            assert gate.cancelled == 1
            assert (await house.send("1", "k1")).status == "timeout"
            assert (await house.view()).session_info.status == "timeout"

    async def test_an_order_to_stop_all_work_waits_for_its_end(self, tmp_path: Path) -> None:
        """What archiving, resetting and deleting a session rely on."""
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            await house.room.chat.stop("agent:main:main", "reset")
            assert house.watcher.of("chat", "k1")[-1]["state"] == "aborted"
            assert house.room.chat.live(house.parts.index.resolve("main")) is None


class TestCommands:
    """Text for the gateway instead of the agent."""

    async def test_commands_are_answered_by_the_gateway(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("/help", "k1")
            end = await house.watcher.ended("k1")
            assert end["message"]["command"] is True
            assert "/status" in end["message"]["content"][0]["text"]
            assert house.agents.turns == []
            # The TUI would leave a delta on the screen as a second answer.
            assert "delta" not in {event["state"] for event in house.watcher.of("chat", "k1")}

    async def test_commands_leave_the_tokens_of_the_session_alone(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = with_tool
            await house.send("hello", "k1")
            await house.watcher.ended("k1")
            used = (await house.view()).session_info.total_tokens
            assert used
            await house.send("/help", "k2")
            await house.watcher.ended("k2")
            assert (await house.view()).session_info.total_tokens == used

    async def test_commands_are_no_part_of_what_the_agent_knows(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("/status", "k1")
            await house.watcher.ended("k1")
            await house.send("hello", "k2")
            await house.watcher.ended("k2")
            assert house.agents.turns[0].history == ()
            assert [role for role, _ in await house.said()] == ["user", "assistant"] * 2

    async def test_other_words_after_a_slash_are_for_the_agent(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("/etc/hosts", "k1")
            await house.send("/help", "k2", suppress_command_interpretation=True)
            await house.watcher.ended("k2")
            assert [asked.message for asked in house.agents.turns] == ["/etc/hosts", "/help"]

    async def test_stop_does_not_wait_for_the_answer_it_stops(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("/status", "k2")
            described = (await house.watcher.ended("k2"))["message"]["content"][0]["text"]
            assert "Answering now" in described
            await house.send("/stop", "k3")
            assert (await house.watcher.ended("k3"))["message"]["content"][0]["text"] == "Stopped."
            assert (await house.watcher.ended("k1"))["stopReason"] == "stop-command"

    async def test_new_begins_the_conversation_anew(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            await house.watcher.ended("k1")
            before = (await house.view()).session_id
            await house.send("/new", "k2", who=principal(scopes=(Scope.WRITE,)))
            refused = (await house.watcher.ended("k2"))["message"]["content"][0]["text"]
            assert "operator.admin" in refused
            await house.send("/new", "k3")
            await house.watcher.ended("k3")
            assert (await house.view()).session_id != before
            await house.send("again", "k4")
            await house.watcher.ended("k4")
            assert house.agents.turns[-1].history == ()


class TestSteeringPort:
    """The port itself, as a runtime sees it."""

    async def test_messages_come_once_and_in_order(self, tmp_path: Path) -> None:
        got: list[tuple[str, ...]] = []
        ready = asyncio.Event()

        async def script(asked: Turn, steering: Steering) -> AsyncGenerator[TurnEvent]:
            yield TextDelta("x")
            await ready.wait()
            got.extend([await steering.next_messages(), await steering.next_messages()])
            yield Finished("stop")

        async with opened(tmp_path) as house:
            house.agents.script = script
            await house.send("1", "k1")
            await begun(house, "k1")
            await house.send("2", "k2")
            await house.send("3", "k3")
            ready.set()
            await house.watcher.ended("k3")
        assert got == [("2", "3"), ()]
