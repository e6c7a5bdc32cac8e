"""`@openclaw/gateway-client`, the reference client library: connect, `chat.send` to its end, and an abort.

Issue "Done when" 3; rows DC-1, S1.B-4, S3.T-2.
"""

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.daemon import TOKEN
from tests.support.openclaw import NODE, client_env
from tests.support.recorder import Recorder

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROGRAM = Path(__file__).with_name("client.mjs")
ANSWER = "Hello from the scripted model. You said: the otter sleeps at noon"


async def test_connect_chat_and_abort(recorder: Recorder, client_home: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(PROGRAM), f"ws://127.0.0.1:{recorder.port}/", TOKEN),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=client_env(client_home),
    )
    try:
        async with asyncio.timeout(40):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        process.kill()
        stdout, stderr = await process.communicate()
        pytest.fail(
            f"the client did not finish: {stderr.decode()}\nchat events {recorder.events('chat')[-5:]}"
        )
    assert process.returncode == 0, stderr.decode()
    saw = json.loads(stdout)

    assert (saw["protocol"], saw["role"], saw["ackStatus"]) == (4, "operator", "started")
    assert saw["answer"] == ANSWER
    assert saw["lastDelta"] == saw["deltaText"] == ANSWER, "deltas add up to the answer"
    assert saw["aborted"]["ok"] is True
    assert saw["aborted"]["aborted"] is True
    assert saw["aborted"]["runIds"] == [saw["slowRunId"]]
    assert saw["stoppedState"] == "aborted"
    assert saw["historyRoles"][:3] == ["user", "assistant", "user"]
    assert saw["refused"]["message"].endswith("missing scope: operator.admin")
    assert saw["gaps"] == 0
