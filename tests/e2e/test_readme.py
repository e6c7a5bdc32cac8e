"""Every command the README shows is run here, as written, in its order."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from tests.support.daemon import HOMARUS, Daemon
from tests.support.nodes import LINUX, ScriptedNode

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

CONFIG = """
[gateway]
public_url = "https://desk.example"
"""
"""A gateway with an address for others, which pairing puts into its code."""

RUN_ELSEWHERE = {
    "./scripts/run": "tests/e2e/test_run.py",
    "./scripts/test": "the suite this test is part of",
    "homarus setup": "tests/cli/test_setup.py, because it changes where the gateway listens",
    "homarus gateway install": "tests/cli/test_service.py, because it changes what the machine starts",
    "homarus gateway uninstall": "likewise",
    "openclaw tui": "tests/interop/test_tui.py",
}
"""Commands that need another stage, and where they have it."""

SHOWS = {
    'chat "who is connected?"': "connected",
    'chat "what do I have about boiler?"': "service is due in May",
    "dashboard": "http://127.0.0.1:",
    "devices pair": "desk.example",
    "nodes pending": "laptop offers: device.status, system.notify",
    "nodes approve": "approved laptop",
    "nodes list": "laptop",
    "nodes notify": "shown",
    "nodes invoke": "battery",
    "cron list": "good morning",
    "gateway status": "running",
    "config get gateway": "port",
    "backup verify": "undamaged",
}
"""What a reader would look for in the output."""


def commands() -> list[str]:
    """Every command line of the README's shell blocks, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def expected(line: str) -> str:
    """What the output must hold, or empty."""
    return next(
        (text for start, text in SHOWS.items() if line.removeprefix("homarus ").startswith(start)), ""
    )


def test_every_command_of_the_readme_is_known_here() -> None:
    unknown = [
        line
        for line in commands()
        if not line.startswith("homarus ") and not line.startswith(tuple(RUN_ELSEWHERE))
    ]
    assert unknown == []
    shown = [start for start in SHOWS if not any(expected(line) == SHOWS[start] for line in commands())]
    assert shown == []


@pytest.mark.timeout(120)
async def test_the_commands_work_in_the_order_they_are_shown(tmp_path: Path) -> None:
    async with Daemon(tmp_path, config=CONFIG) as daemon, laptop(daemon):
        for line in commands():
            if line.startswith("homarus ") and not line.startswith(tuple(RUN_ELSEWHERE)):
                await run(line, daemon)


def laptop(daemon: Daemon) -> ScriptedNode:
    """The device of the chapter about nodes; it waits for its approval."""
    return ScriptedNode(
        daemon,
        caps=["system", "device"],
        commands=["system.notify", "device.status"],
        answers={"system.notify": {"ok": True}, "device.status": {"battery": {"state": "full"}}},
        client={**LINUX, "displayName": "laptop"},
    )


async def run(line: str, daemon: Daemon) -> None:
    """Run one line the way a shell does, in the environment of someone who owns the gateway."""
    home = daemon.env["HOME"]
    argv = [word.replace("~", home, 1) if word.startswith("~/") else word for word in shlex.split(line)]
    process = await asyncio.create_subprocess_exec(
        str(HOMARUS),
        *argv[1:],
        env=daemon.env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    waits_for_a_device = argv[1:] == ["devices", "pair"]
    try:
        async with asyncio.timeout(3 if waits_for_a_device else 30):
            output, _ = await process.communicate()
    except TimeoutError:
        assert waits_for_a_device, f"{line} did not end"
        process.terminate()
        output, _ = await process.communicate()
    text = output.decode()
    assert waits_for_a_device or process.returncode == 0, f"{line} -> {process.returncode}\n{text}"
    assert expected(line) in text, f"{line} printed\n{text}"
