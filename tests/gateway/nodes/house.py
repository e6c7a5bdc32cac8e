"""What the tests of nodes share: operators, a second place to come from, and waiting for a state."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode
from tests.support.wire import ALL_SCOPES, TIMEOUT_S, DeviceKey, Json, RpcError, WireClient

PROXIED: Final = '[gateway]\ntrusted_proxies = ["127.0.0.1"]\npublic_url = "https://gw.example.com"\n'

ELSEWHERE: Final = {"X-Forwarded-For": "203.0.113.5"}
"""TEST-NET-3: an address no test machine has."""

PAIRING, READ, WRITE = "operator.pairing", "operator.read", "operator.write"


async def operator(daemon: Daemon, *scopes: str, **overrides: Any) -> WireClient:
    """An operator with these scopes, or with all."""
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect(scopes=list(scopes or ALL_SCOPES), **overrides)
    return client


async def refusal(call: Awaitable[Any]) -> RpcError:
    """The error a call is answered with.

    Raises:
        AssertionError: It was answered in another way.
    """
    try:
        answer = await call
    except RpcError as error:
        return error
    raise AssertionError(f"not refused: {answer}")


async def until(look: Callable[[], Awaitable[Json]], holds: Callable[[Json], bool]) -> Json:
    """Look again and again until it is as it should be; returns what was seen last.

    Raises:
        AssertionError: It did not come to that.
    """
    seen: Json = {}
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not holds(seen := await look()):
                pass
    except TimeoutError:
        raise AssertionError(f"it stayed {seen}") from None
    return seen


async def begin(client: WireClient, node: ScriptedNode, command: str, **params: Any) -> str:
    """Send `node.invoke` without waiting; returns the request's id."""
    call = {"nodeId": node.id, "command": command, "idempotencyKey": DeviceKey().id, **params}
    return await client.request("node.invoke", call)


async def failed(client: WireClient, request_id: str) -> RpcError:
    """The error that answers a request."""
    answer = await client.response(request_id)
    assert not answer["ok"], answer
    return RpcError(answer)
