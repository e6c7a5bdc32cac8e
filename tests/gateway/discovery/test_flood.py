"""A gateway that is announced hears everybody else in the network; a flood of that must not matter."""

import json
import sys

import pytest

from tests.support.netns import run_alone

FLOODED = """
import asyncio, json, sys, tempfile, time
from pathlib import Path
from tests.cli.command import ask_async
from tests.gateway.discovery.test_announcing import config
from tests.support.daemon import Daemon
from tests.support.mdns import Browser
from tests.support.mdns_raw import Shouting, one_of_many
from tests.support.wire import WireClient

FLOOD_S = 10

def rss_kib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4

async def main(folder):
    async with Daemon(folder, config=config("h-flooded")) as daemon:
        async with Browser() as browser:
            await browser.resolve("h-flooded (OpenClaw)")
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            await client.connect()
            quiet_kib, took_s = rss_kib(daemon.pid), []
            with Shouting(one_of_many, pause_s=0.0005) as flood:
                ends = time.monotonic() + FLOOD_S
                while time.monotonic() < ends:
                    began = time.monotonic()
                    await client.call("health", {})
                    took_s.append(time.monotonic() - began)
                    await asyncio.sleep(0.01)
            grew_kib = rss_kib(daemon.pid) - quiet_kib
        health = await ask_async(daemon, "gateway", "health")
        took_s.sort()
        print(json.dumps({
            "sent": flood.sent, "grew_kib": grew_kib, "health": health.code, "asked": len(took_s),
            "p99_ms": took_s[len(took_s) * 99 // 100] * 1000, "log": len(daemon.stderr_text()),
        }))

asyncio.run(main(Path(tempfile.mkdtemp(dir=sys.argv[1]))))
"""


@pytest.mark.timeout(120)
def test_a_flood_of_announcements_does_not_touch_the_gateway(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("flood")
    done = run_alone([sys.executable, "-c", FLOODED, str(folder)], timeout_s=100)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["sent"] > 3000, "that was a flood"
    assert result["grew_kib"] < 30 * 1024
    assert result["health"] == 0
    assert result["asked"] > 100
    assert result["p99_ms"] < 200
    assert result["log"] < 10_000, "strangers do not fill the log"
