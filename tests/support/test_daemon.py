"""The daemon fixtures against the shipped command."""

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.wire import Closed, WireClient


async def test_kill_and_restart_keep_home_and_port(daemon: Daemon) -> None:
    """DC-1: the gateway is one process on one port, whatever happens to it."""
    port = daemon.port
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    daemon.kill()
    with pytest.raises(Closed):
        await client.wait_event("tick")
    await daemon.start()
    assert daemon.port == port
    await daemon.restart()
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as again:
        assert (await again.connect())["type"] == "hello-ok"


async def test_an_orderly_stop_says_so_to_clients(daemon: Daemon) -> None:
    """Close 1012 tells OpenClaw's clients to come back."""
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    await daemon.stop()
    assert (await client.wait_event("shutdown"))["payload"]["reason"]
    assert (await client.closed())[0] == 1012


async def test_a_refused_start_fails_with_its_stderr(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="--no-such-flag"):
        await Daemon(tmp_path, args=["--no-such-flag"]).start()
    assert not Daemon.alive
