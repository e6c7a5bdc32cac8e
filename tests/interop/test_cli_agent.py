"""`openclaw agent --message`: a turn through the method `agent`, which answers twice on one id.

Issue "Done when" 2; rows DC-1, S1.B-4.
"""

import asyncio
import signal
from typing import Any

import pytest

from tests.interop.asking import MAIN, ask
from tests.interop.conftest import ToolCall
from tests.support.model_server import ModelServer
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder, Sender

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENTENCE = "the otter sleeps at noon"
ANSWER = f"Hello from the scripted model. You said: {SENTENCE}"


def answers_to(recorder: Recorder, method: str, mark: int) -> list[dict[str, Any]]:
    """The response frames to the last call of `method` after `mark`."""
    frames = recorder.since(mark)
    call = [frame for frame in frames if frame.kind == "req" and frame.body["method"] == method][-1]
    return [
        frame.body
        for frame in frames
        if frame.sender is Sender.GATEWAY
        and frame.connection == call.connection
        and frame.body.get("id") == call.body["id"]
    ]


async def test_the_answer_is_printed_and_comes_second(cli: OpenClawCli, recorder: Recorder) -> None:
    mark = recorder.mark()
    run = await cli.ok("agent", "--message", SENTENCE)
    assert run.stdout.strip() == ANSWER

    accepted, finished = answers_to(recorder, "agent", mark)
    assert accepted["ok"]
    assert accepted["payload"]["status"] == "accepted"
    assert finished["ok"]
    assert finished["payload"]["status"] == "ok"
    assert finished["payload"]["runId"] == accepted["payload"]["runId"]
    assert [part["text"] for part in finished["payload"]["result"]["payloads"]] == [ANSWER]


async def test_json_reports_run_text_and_session(cli: OpenClawCli) -> None:
    report = (await cli.ok("agent", "--agent", "main", "--message", SENTENCE, "--json")).json()
    assert report["status"] == "ok"
    assert report["runId"]
    assert report["result"]["payloads"][0]["text"] == ANSWER
    assert report["result"]["meta"]["agentMeta"]["sessionId"]


async def test_session_key_chooses_the_session(cli: OpenClawCli, recorder: Recorder) -> None:
    key = "agent:main:incident-42"
    run = await cli.ok("agent", "--session-key", key, "--message", "first in its own session")
    assert run.stdout.strip().endswith("first in its own session")
    listed = await ask(recorder, "sessions.list")
    assert key in {row["key"] for row in listed["sessions"]}
    history = await ask(recorder, "chat.history", sessionKey=key)
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]


async def test_a_failing_run_exits_1_and_says_why(cli: OpenClawCli, recorder: Recorder) -> None:
    mark = recorder.mark()
    run = await cli.run("agent", "--message", "FAIL please")
    assert run.code == 1
    assert (run.stdout + run.stderr).strip()

    accepted, failed = answers_to(recorder, "agent", mark)
    assert accepted["payload"]["status"] == "accepted"
    assert failed["ok"] is False
    assert failed["error"]["message"] in run.stdout + run.stderr


async def test_a_turn_with_a_tool_is_shown_step_by_step(
    cli: OpenClawCli, recorder: Recorder, tool_call: ToolCall
) -> None:
    mark = recorder.mark()
    run = await cli.ok("agent", "--message", f"please {tool_call.request}")
    assert run.stdout.strip().startswith("The tool said: ")
    assert tool_call.result in run.stdout

    shown = [event for event in recorder.events("agent", mark) if event["stream"] in {"item", "tool"}]
    steps = [event["data"] for event in shown if event["data"].get("name") == tool_call.name]
    assert [step["status"] for step in steps if step["phase"] in {"start", "end"}] == ["running", "completed"]
    # What a tool was given and gave goes only to clients that say `tool-events`; the CLI does not.
    assert {event["stream"] for event in shown} == {"item"}


async def test_interrupting_the_command_aborts_the_run(
    cli: OpenClawCli, recorder: Recorder, model: ModelServer
) -> None:
    mark, asked, key = recorder.mark(), len(model.script.requests), "agent:main:slow"
    process = await cli.spawn("agent", "--session-key", key, "--message", "SLOW answer")
    async with asyncio.timeout(40):
        while len(model.script.requests) == asked:
            assert process.returncode is None, "the command ended before the model was asked"
            await asyncio.sleep(0.05)
    await recorder.event("chat", lambda event: event["state"] == "delta", mark)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        await process.communicate()
    assert process.returncode == 128 + signal.SIGINT

    run_id = answers_to(recorder, "agent", mark)[0]["payload"]["runId"]
    (aborted,) = answers_to(recorder, "chat.abort", mark)
    assert aborted["payload"] == {"ok": True, "aborted": True, "runIds": [run_id]}
    ended = await recorder.event("chat", lambda event: event["state"] == "aborted", mark)
    assert ended["runId"] == run_id

    history = await ask(recorder, "chat.history", sessionKey=key)
    assert history["messages"][0]["content"].endswith("SLOW answer")
    waited = await ask(recorder, "agent.wait", runId=run_id, timeoutMs=5000)
    assert waited["runId"] == run_id
    assert waited["status"] != "ok"


async def test_a_run_aborted_by_somebody_else_ends_the_command(cli: OpenClawCli, recorder: Recorder) -> None:
    mark = recorder.mark()
    process = await cli.spawn("agent", "--message", "SLOW answer")
    started = await recorder.event("chat", lambda event: event["state"] == "delta", mark)
    stopped = await ask(recorder, "chat.abort", sessionKey=MAIN, runId=started["runId"])
    assert stopped == {"ok": True, "aborted": True, "runIds": [started["runId"]]}
    async with asyncio.timeout(20):
        stdout, _stderr = await process.communicate()
    assert (process.returncode, stdout.decode().strip()) == (1, "aborted")
    _accepted, finished = answers_to(recorder, "agent", mark)
    stopped_run = {"runId": started["runId"], "status": "timeout", "summary": "aborted", "stopReason": "rpc"}
    assert finished["payload"] == stopped_run


async def test_a_run_out_of_time_ends_the_command(cli: OpenClawCli, recorder: Recorder) -> None:
    mark = recorder.mark()
    run = await cli.run("agent", "--message", "SLOW answer", "--timeout", "2")
    _accepted, finished = answers_to(recorder, "agent", mark)
    assert (finished["payload"]["status"], finished["payload"]["summary"]) == ("timeout", "aborted")
    (explained,) = finished["payload"]["result"]["payloads"]
    assert explained["isError"] is True
    assert run.code == 1
    assert explained["text"] in run.stdout + run.stderr
