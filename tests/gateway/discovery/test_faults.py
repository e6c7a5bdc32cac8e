"""Whatever mDNS does, the gateway goes on as if nothing was (R29).

The daemon is the shipped one; a package named `zeroconf` that is found first stands for the broken library.
"""

import random
from pathlib import Path

import pytest

from gateway.discovery.announcer import FIRST_PAUSE_S, LONGEST_PAUSE_S
from gateway.kernel.retry import Backoff
from tests.cli.command import ask_async
from tests.gateway.discovery.test_announcing import config
from tests.support.daemon import Daemon
from tests.support.wire import Json, WireClient

THROWS_ON_IMPORT = "raise ZeroDivisionError('broken at load')\n"

REGISTERS_BADLY = """
class AsyncServiceInfo:
    def __init__(self, *args, **kwargs):
        self.name = args[1]

class AsyncZeroconf:
    def __init__(self, interfaces):
        pass

    async def async_register_service(self, info, allow_name_change):
        raise ValueError('broken at work')

    async def async_close(self):
        raise OSError('broken at the end, too')
"""


@pytest.mark.parametrize(
    ("program", "said"), [(THROWS_ON_IMPORT, "broken at load"), (REGISTERS_BADLY, "broken at the end")]
)
async def test_a_broken_library_costs_only_the_announcement(program: str, said: str, tmp_path: Path) -> None:
    package = tmp_path / "broken" / "zeroconf"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "asyncio.py").write_text(program)
    env = {"PYTHONPATH": str(package.parent)}
    async with Daemon(tmp_path / "d", config=config("h-broken"), env=env) as daemon:
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            await client.connect()
            assert said in await failure(client)
            await client.call(
                "chat.send", {"sessionKey": "main", "message": "what is 6 * 7?", "idempotencyKey": "k"}
            )
            final = await client.wait_event("chat", lambda payload: payload["state"] == "final")
            assert "42" in str(final["payload"]["message"])
        seen = await ask_async(daemon, "gateway", "health")
        assert seen.code == 1
        assert "discovery: devices do not find this gateway by themselves" in seen.out
        assert daemon.stderr_text().count("discovery failed") == 1, "it waits before it tries again"
        off = await ask_async(daemon, "config", "set", "discovery.mode", "off")
        assert off.code == 0
        assert (await ask_async(daemon, "gateway", "health")).code == 0


async def failure(client: WireClient) -> str:
    """What `health` says about discovery, once it says that it fails."""

    def said(health: Json) -> str | None:
        return next(
            (part["error"] for part in health["plugins"]["errors"] if part["id"] == "discovery"), None
        )

    now = said(await client.call("health", {}))
    if now is None:
        event = await client.wait_event("health", lambda payload: said(payload) is not None)
        now = said(event["payload"])
    assert now is not None
    return now


def test_the_pauses_grow_to_a_minute_and_more() -> None:
    for seed in range(200):
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, rng=random.Random(seed))
        pauses = [backoff.next_s() for _ in range(12)]
        assert min(pauses[4:]) >= 60
        assert max(pauses) <= LONGEST_PAUSE_S
