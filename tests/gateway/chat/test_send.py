"""Sending messages: accepted once, answered once, told in order (DC-4, S1.M-6)."""

import asyncio
from pathlib import Path

import pytest

from gateway.chat.limits import MAX_ANSWER_CHARS, MAX_MESSAGE_CHARS
from gateway.chat.model import ChatSettings
from gateway.sessions import store as sessions
from protocol.errors import Conflict, InvalidRequest, NotFound, Overloaded
from protocol.methods.chat import (
    ChatAbort,
    ChatHistory,
    ChatInject,
    HistoryDelta,
    SessionsSend,
    SessionsSteer,
)
from tests.gateway.chat.house import opened, principal
from tests.gateway.chat.scripts import Gate, broken, chatty, endless, failing, with_tool


class TestAcknowledgement:
    """What `chat.send` answers."""

    async def test_a_message_is_acknowledged_and_answered(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            ack = await house.send("hello", "k1")
            assert (ack.run_id, ack.status) == ("k1", "started")
            end = await house.watcher.ended("k1")
            assert end["state"] == "final"
            assert end["message"]["content"] == [{"type": "text", "text": "echo: hello"}]
            assert await house.said() == [("user", "hello"), ("assistant", "echo: hello")]

    async def test_no_event_comes_before_the_acknowledgement(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            assert house.watcher.events == []
            await house.watcher.ended("k1")

    async def test_a_repeat_starts_nothing(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("hello", "k1")
            assert (await house.send("hello", "k1")).status == "in_flight"
            gate.opened.set()
            await house.watcher.ended("k1")
            again = await house.send("hello", "k1")
            assert (again.run_id, again.status) == ("k1", "ok")
            assert len(house.agents.turns) == 1

    async def test_repeats_at_the_same_time_start_one_run(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            acks = await asyncio.gather(*(house.send("hello", "k1") for _ in range(10)))
            assert sorted(ack.status for ack in acks) == ["in_flight"] * 9 + ["started"]
            await house.watcher.ended("k1")
            assert len(house.agents.turns) == 1

    async def test_another_device_cannot_use_the_key(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            with pytest.raises(Conflict, match="idempotencyKey"):
                await house.send("other", "k1", who=principal("c2", device_id="device-2"))
            await house.watcher.ended("k1")
            assert [role for role, _ in await house.said()] == ["user", "assistant"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("", "write something"), ("  \n", "write something"), ("x" * (MAX_MESSAGE_CHARS + 1), "longer than"),
         ("a\x00b", "NUL")],
    )  # fmt: skip
    async def test_unusable_text_is_refused(self, tmp_path: Path, text: str, reason: str) -> None:
        async with opened(tmp_path) as house:
            with pytest.raises(InvalidRequest, match=reason):
                await house.send(text, "k1")

    async def test_the_longest_message_is_kept_whole(self, tmp_path: Path) -> None:
        """Characters that cost six bytes each still fit a transcript entry."""
        async with opened(tmp_path) as house:
            await house.send("\x01" * MAX_MESSAGE_CHARS, "k1")
            end = await house.watcher.ended("k1")
            assert end["state"] == "final"
            assert (await house.view()).total_messages == 2

    async def test_an_unknown_agent_is_named(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            with pytest.raises(NotFound, match="there is no agent nobody"):
                await house.send("hello", "k1", session_key="agent:nobody:main")

    async def test_a_full_queue_refuses_before_it_accepts(self, tmp_path: Path) -> None:
        async with opened(tmp_path, settings=ChatSettings(max_waiting=2, queue_mode="followup")) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await house.watcher.until(lambda: house.watcher.of("chat", "k1"))
            await house.send("2", "k2")
            await house.send("3", "k3")
            with pytest.raises(Overloaded, match="2 messages wait"):
                await house.send("4", "k4")
            assert (await house.send("3", "k3")).status == "in_flight"
            gate.opened.set()
            await house.watcher.ended("k3")
            assert [text for role, text in await house.said() if role == "user"] == ["1", "2", "3"]

    async def test_an_archived_session_takes_nothing(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            await house.watcher.ended("k1")
            session = await house.parts.index.get(house.parts.index.resolve("main"))
            assert session is not None
            await house.parts.db.write(lambda tx: sessions.change(tx, session, archived_ms=1))
            with pytest.raises(Conflict, match="is archived; restore it first"):
                await house.send("more", "k2")
            assert len(house.agents.turns) == 1

    async def test_a_branch_that_moved_on_is_refused(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1", expected_leaf_entry_id=None)
            await house.watcher.ended("k1")
            with pytest.raises(Conflict) as refused:
                await house.send("more", "k2", expected_leaf_entry_id=None)
            assert refused.value.details["reason"] == "active-leaf-changed"
            leaf = (await house.view()).session_info.active_leaf_entry_id
            await house.send("more", "k2", expected_leaf_entry_id=leaf)
            await house.watcher.ended("k2")


class TestEvents:
    """What clients see while an answer is made."""

    async def test_the_stages_of_a_run_share_one_count(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            await house.watcher.ended("k1")
            chat, agent = house.watcher.of("chat", "k1"), house.watcher.of("agent", "k1")
            assert [e["state"] for e in chat] == ["status", "status", "delta", "final"]
            stages = [(e["stream"], e["data"].get("phase")) for e in agent]
            assert stages == [
                ("run_status", "preparing_context"),
                ("lifecycle", "start"),
                ("run_status", "starting_model"),
                ("lifecycle", "model"),
                ("assistant", None),
                ("lifecycle", "finishing"),
                ("lifecycle", "end"),
            ]
            assert [e["seq"] for e in agent] == [1, 2, 3, 4, 5, 6, 7]
            assert [e["seq"] for e in chat] == [1, 3, 5, 7]

    async def test_messages_are_announced_when_they_are_stored(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            await house.watcher.ended("k1")
            stored = house.watcher.of("session.message")
            assert [(e["message"]["role"], e["messageSeq"]) for e in stored] == [
                ("user", 1),
                ("assistant", 2),
            ]
            assert stored[0]["message"]["idempotencyKey"] == "k1:user"
            assert stored[0]["message"]["__openclaw"]["senderId"] == "owner"
            assert stored[0]["senderIsOwner"] is True
            order = [name for name, _ in house.watcher.events if name in {"session.message", "chat"}]
            assert order.index("session.message") < order.index("chat") + 3
            reasons = [e["reason"] for e in house.watcher.of("sessions.changed")]
            assert reasons == ["agent.run.started"]

    async def test_the_sender_learns_where_the_time_goes(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("hello", "k1")
            await house.watcher.ended("k1")
            phases = [e["phase"] for e in house.watcher.of("chat.send_timing", "k1")]
            assert phases[:2] == ["dispatch-started", "agent-run-started"]
            assert {"model-selected", "first-assistant-event"} < set(phases)

    async def test_small_pieces_are_sent_together(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = chatty
            await house.send("hello", "k1")
            end = await house.watcher.ended("k1")
            whole = "".join(f"{number} " for number in range(1000))
            deltas = [e for e in house.watcher.of("chat", "k1") if e["state"] == "delta"]
            assert "".join(e["deltaText"] for e in deltas) == whole
            assert deltas[-1]["message"]["content"][0]["text"] == whole
            assert end["message"]["content"][0]["text"] == whole
            assert len(deltas) < 20

    async def test_an_answer_without_end_is_ended(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = endless
            await house.send("hello", "k1")
            end = await house.watcher.ended("k1")
            assert (end["state"], end["stopReason"]) == ("final", "length")
            assert len(end["message"]["content"][0]["text"]) == MAX_ANSWER_CHARS

    async def test_tools_are_shown_step_by_step(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = with_tool
            await house.send("look", "k1")
            end = await house.watcher.ended("k1")
            assert end["message"]["content"][0]["text"] == "Let me look.\n\nTwo files."
            agent = house.watcher.of("agent", "k1")
            steps = [(e["stream"], e["data"]["phase"]) for e in agent if e["stream"] in {"item", "tool"}]
            assert steps == [
                ("item", "start"),
                ("tool", "start"),
                ("tool", "update"),
                ("item", "update"),
                ("tool", "result"),
                ("item", "end"),
            ]
            assert [e["data"]["outputTokens"] for e in agent if e["stream"] == "usage"] == [5, 12]
            output = [e["data"]["output"] for e in agent if e["stream"] == "command_output"]
            assert output == ["file\n", "file\nother"]
            said = await house.said()
            assert said == [
                ("user", "look"),
                ("assistant", "Let me look.\n<toolCall>"),
                ("toolResult", "file\nother"),
                ("assistant", "Two files."),
            ]

    async def test_arguments_of_tools_go_only_to_clients_that_ask(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.watcher.principal = principal(caps=frozenset())
            house.agents.script = with_tool
            await house.send("look", "k1")
            await house.watcher.ended("k1")
            streams = {e["stream"] for e in house.watcher.of("agent", "k1")}
            assert "tool" not in streams
            assert {"item", "command_output"} < streams

    async def test_a_failure_says_why(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = failing
            await house.send("hello", "k1")
            end = await house.watcher.ended("k1")
            assert (end["state"], end["errorMessage"]) == ("error", "The provider refused.")
            assert end["errorKind"] == "rate_limit"
            detail = {"provider": "test", "model": "m1", "failoverReason": "rate_limit"}
            assert end["errorDetail"] == detail
            assert (await house.said())[-1] == ("assistant", "Well\n\nThe provider refused.")
            assert (await house.send("hello", "k1")).status == "error"
            info = (await house.view()).session_info
            assert (info.status, info.last_run_error) == ("failed", "The provider refused.")

    async def test_a_bug_in_an_agent_ends_its_run_only(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = broken
            await house.send("hello", "k1")
            assert (await house.watcher.ended("k1"))["state"] == "error"
            house.agents.script = Gate()
            house.agents.script.opened.set()
            await house.send("again", "k2")
            assert (await house.watcher.ended("k2"))["state"] == "final"


class TestConversation:
    """What an agent knows, and what clients read back (S3.M0-1)."""

    async def test_an_agent_knows_what_was_said_before(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("I am Ada", "k1")
            await house.watcher.ended("k1")
            await house.send("who am I", "k2", who=principal("another connection"))
            await house.watcher.ended("k2")
            history = [(message.role, message.text) for message in house.agents.turns[1].history]
            assert history == [("user", "I am Ada"), ("assistant", "echo: I am Ada")]
            assert house.agents.turns[1].message == "who am I"

    async def test_waiting_and_running_messages_are_shown(self, tmp_path: Path) -> None:
        async with opened(tmp_path, settings=ChatSettings(queue_mode="followup")) as house:
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await house.watcher.until(lambda: [e for e in house.watcher.of("chat") if e["state"] == "delta"])
            await house.send("2", "k2")
            view = await house.view()
            assert view.in_flight_run is not None
            assert (view.in_flight_run.run_id, view.in_flight_run.text) == ("k1", "begun 1")
            assert [item.run_id for item in view.pending_inputs.items] == ["k2"]
            assert view.session_info.active_run_ids == ["k1", "k2"]
            gate.opened.set()
            await house.watcher.ended("k2")
            view = await house.view()
            assert (view.in_flight_run, view.pending_inputs.total) == (None, 0)
            assert view.session_info.active_run_ids == []

    async def test_a_cursor_brings_what_came_since(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            await house.send("1", "k1")
            await house.watcher.ended("k1")
            cursor = (await house.view()).delta_cursor
            await house.send("2", "k2")
            await house.watcher.ended("k2")
            delta = await house.call(ChatHistory(session_key="main", cursor=cursor))
            assert isinstance(delta, HistoryDelta)
            assert isinstance(delta.messages, list)
            assert [b'"messageSeq":3' in bytes(m) for m in delta.messages] == [True, False]
            reset = await house.call(ChatHistory(session_key="agent:main:other", cursor=cursor))
            assert reset == HistoryDelta(kind="reset")

    async def test_an_injected_message_is_the_agents(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            with pytest.raises(NotFound, match="no session"):
                await house.call(ChatInject(session_key="main", message="by the way"))
            await house.send("1", "k1")
            await house.watcher.ended("k1")
            injected = await house.call(ChatInject(session_key="main", message="by the way"))
            assert (await house.said())[-1] == ("assistant", "by the way")
            event = house.watcher.of("chat", f"inject-{injected.message_id}")[0]
            assert event["message"]["content"][0]["text"] == "by the way"

    async def test_sessions_send_needs_a_session(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            with pytest.raises(NotFound, match="create it first"):
                await house.call(SessionsSend(key="main", message="x"))
            gate = house.agents.script = Gate()
            await house.send("1", "k1")
            await house.watcher.until(lambda: house.watcher.of("chat", "k1"))
            ack = await house.call(SessionsSteer(key="main", message="2", idempotency_key="k2"))
            assert ack.interrupted_active_run is True
            assert (await house.watcher.ended("k1"))["state"] == "aborted"
            gate.opened.set()
            assert (await house.watcher.ended("k2"))["state"] == "final"

    async def test_stopping_nothing_is_fine(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            result = await house.call(ChatAbort(session_key="main", run_id="nope"))
            assert (result.ok, result.aborted, result.run_ids) == (True, False, [])
