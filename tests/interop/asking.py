"""What a test needs done beside the client it is about: asked over the wire, in milliseconds.

A command of the official CLI takes a second of CPU before it sends its first frame. These connections pass
the recorder like any client's, so their frames are judged too.
"""

from typing import Any
from uuid import uuid4

from tests.support.daemon import TOKEN
from tests.support.recorder import Recorder
from tests.support.wire import WireClient, payload_of

# The real gateway takes several seconds for the first turn after its start.
TURN_TIMEOUT_S = 30.0
MAIN = "agent:main:main"


async def connected(recorder: Recorder) -> WireClient:
    """A connection of an operator with every scope, to be used as a context."""
    client = await WireClient.open(f"ws://127.0.0.1:{recorder.port}/", token=TOKEN)
    await client.connect()
    return client


async def ask(recorder: Recorder, method: str, **params: Any) -> Any:
    """The result of one call.

    Raises:
        RpcError: The gateway refused.
    """
    async with await connected(recorder) as client:
        return await client.call(method, params)


async def say(
    recorder: Recorder, message: str, session_key: str = MAIN, timeout_s: float = TURN_TIMEOUT_S
) -> str:
    """Let the agent answer `message` to the end; returns what it said."""
    params = {"message": message, "sessionKey": session_key, "idempotencyKey": str(uuid4())}
    async with await connected(recorder) as client:
        request = await client.request("agent", params)
        ended = payload_of(await client.response(request, nth=2, timeout_s=timeout_s))
        return "".join(part["text"] for part in ended["result"]["payloads"])
