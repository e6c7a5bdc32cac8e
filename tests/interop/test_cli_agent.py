"""`openclaw agent --message`: a turn through the method `agent`, which answers twice on one id.

Issue "Done when" 2; rows DC-1, S1.B-4.
"""

import asyncio
import json
import signal
from typing import Any

import pytest

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


async def test_session_key_chooses_the_session(cli: OpenClawCli) -> None:
    key = "agent:main:incident-42"
    run = await cli.ok("agent", "--session-key", key, "--message", "first in its own session")
    assert run.stdout.strip().endswith("first in its own session")
    listed = (await cli.ok("gateway", "call", "sessions.list", "--json")).json()
    assert key in {row["key"] for row in listed["sessions"]}
    params = json.dumps({"sessionKey": key})
    history = (await cli.ok("gateway", "call", "chat.history", "--json", "--params", params)).json()
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


async def test_interrupting_the_command_aborts_the_run(
    cli: OpenClawCli, recorder: Recorder, model: ModelServer
) -> None:
    mark, asked = recorder.mark(), len(model.script.requests)
    process = await cli.spawn("agent", "--session-key", "agent:main:slow", "--message", "SLOW answer")
    async with asyncio.timeout(40):
        while len(model.script.requests) == asked:
            assert process.returncode is None, "the command ended before the model was asked"
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        await process.communicate()
    assert process.returncode != 0
    assert "chat.abort" in recorder.methods(mark)
