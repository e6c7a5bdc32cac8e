"""The methods `agent` and `agent.wait`, and the ledger entries of such runs (S0.3-3)."""

import asyncio
from pathlib import Path

import pytest

from gateway.kernel.rpc.context import FinalFailure
from protocol.errors import GatewayError, NotFound
from protocol.methods.agent import Agent, AgentAnswer, AgentWait
from protocol.methods.chat import ChatAbort
from protocol.methods.tasks import TasksCancel, TasksGet, TasksList
from protocol.nouns.run import RunResult
from tests.gateway.chat.house import TestHouse, opened
from tests.gateway.chat.scripts import Gate, failing, with_tool


async def second_answer(house: TestHouse) -> AgentAnswer | FinalFailure:
    """The answer that follows on the same request."""
    await house.watcher.until(lambda: house.second_answers)
    return house.second_answers[0]


def result_of(answer: AgentAnswer | FinalFailure) -> RunResult:
    """The result of an answer that went well."""
    assert isinstance(answer, AgentAnswer)
    assert answer.result is not None
    return answer.result


class TestAnswers:
    """Two answers on one request."""

    async def test_accepted_then_the_result(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = with_tool
            first = await house.call(Agent(message="look", idempotency_key="k1"))
            assert (first.run_id, first.status) == ("k1", "accepted")
            assert (first.session_key, first.agent_id) == ("agent:main:main", "main")
            answer = await second_answer(house)
            result = result_of(answer)
            assert [payload.text for payload in result.payloads] == ["Two files."]
            assert result.meta.agent_meta.model == "tools-1"
            usage = result.meta.agent_meta.usage
            assert usage is not None
            assert (usage.input, usage.output, usage.cost) == (220, 12, {"total": 0.75})

    async def test_a_failure_carries_payload_and_error(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = failing
            await house.call(Agent(message="x", idempotency_key="k1"))
            answer = await second_answer(house)
            assert isinstance(answer, FinalFailure)
            assert answer.error.message == "The provider refused."
            assert (answer.payload.status, answer.payload.run_id) == ("error", "k1")

    async def test_a_stopped_run_says_so(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.call(Agent(message="x", idempotency_key="k1"))
            await house.watcher.until(lambda: house.watcher.of("chat", "k1"))
            await house.call(ChatAbort(session_key="main"))
            answer = await second_answer(house)
            assert answer == AgentAnswer(
                run_id="k1", status="timeout", summary="aborted", stop_reason="rpc"
            ), "OpenClaw answers a stopped run, it does not refuse it"
            assert await house.call(Agent(message="x", idempotency_key="k1")) == answer

    async def test_too_long_is_a_timeout(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            # The wire counts whole seconds; one is the least.
            await house.call(Agent(message="x", idempotency_key="k1", timeout=1))
            answer = await second_answer(house)
            assert isinstance(answer, AgentAnswer)
            assert (answer.status, answer.summary, answer.stop_reason) == ("timeout", "aborted", "timeout")
            (explained,) = result_of(answer).payloads
            assert explained.is_error
            assert "longer than 1 s" in explained.text

    async def test_a_repeat_is_told_what_became_of_the_first(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            call = Agent(message="x", idempotency_key="k1")
            await house.call(call)
            assert (await house.call(call)).status == "in_flight"
            gate.opened.set()
            await second_answer(house)
            again = await house.call(call)
            assert again.status == "ok"
            assert result_of(again).payloads[0].text == "begun x, done"
            assert len(house.second_answers) == 1

    async def test_a_repeat_of_a_failed_run_fails_alike(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = failing
            call = Agent(message="x", idempotency_key="k1")
            await house.call(call)
            await second_answer(house)
            with pytest.raises(GatewayError, match="The provider refused"):
                await house.call(call)


class TestWait:
    """`agent.wait`."""

    async def test_the_end_of_a_run_is_waited_for(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            gate = house.agents.script = Gate()
            await house.send("x", "k1")
            assert (await house.call(AgentWait(run_id="k1", timeout_ms=20))).status == "timeout"
            waiting = asyncio.create_task(house.call(AgentWait(run_id="k1")))
            await asyncio.sleep(0.02)
            gate.opened.set()
            outcome = await waiting
            assert (outcome.status, outcome.stop_reason) == ("ok", "stop")
            assert outcome.terminal_reply is not None
            assert outcome.terminal_reply.text == "begun x, done"
            assert await house.call(AgentWait(run_id="k1")) == outcome

    async def test_a_message_that_waits_is_pending(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.send("1", "k1")
            await house.watcher.until(lambda: house.watcher.of("chat", "k1"))
            await house.send("2", "k2")
            assert (await house.call(AgentWait(run_id="k2", timeout_ms=0))).status == "pending"

    async def test_an_unknown_run_is_named(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            with pytest.raises(NotFound, match="there is no run nope"):
                await house.call(AgentWait(run_id="nope"))


class TestLedger:
    """`tasks.*` for agent runs."""

    async def test_a_run_is_in_the_ledger_from_beginning_to_end(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = with_tool
            await house.call(Agent(message="look\nclosely", idempotency_key="k1"))
            await second_answer(house)
            states = [e["task"]["status"] for e in house.watcher.of("task")]
            assert states == ["queued", "running", "running", "completed"]
            (task,) = (await house.call(TasksList())).tasks
            assert (task.status, task.title, task.run_id) == ("completed", "look", "k1")
            assert (task.tool_use_count, task.last_tool_name) == (1, "exec")
            assert (await house.call(TasksGet(task_id=task.id))).task == task

    async def test_a_task_can_be_cancelled(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as house:
            house.agents.script = Gate()
            await house.call(Agent(message="x", idempotency_key="k1"))
            await house.watcher.until(lambda: house.watcher.of("chat", "k1"))
            (task,) = (await house.call(TasksList(status="running"))).tasks
            done = await house.call(TasksCancel(task_id=task.id))
            assert (done.found, done.cancelled) == (True, True)
            assert done.task is not None
            assert done.task.status == "cancelled"
            again = await house.call(TasksCancel(task_id=task.id))
            assert (again.found, again.cancelled) == (True, False)
            assert (await house.call(TasksCancel(task_id="nope"))).found is False
