"""Running `homarus` as a program."""

import asyncio
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.support.daemon import HOMARUS, Daemon

# Start-up of a command on two cores that other tests keep busy, with room to spare.
PATIENCE_S = 30.0


class Result(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


def run(env: Mapping[str, str], *args: str | Path, stdin: str = "", cwd: Path | None = None) -> Result:
    """Run `homarus args` with exactly `env`, without a terminal."""
    done = subprocess.run(
        [str(HOMARUS), *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        env=dict(env),
        cwd=cwd or env.get("HOME"),
        timeout=PATIENCE_S,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def ask(daemon: Daemon, *args: str | Path, stdin: str = "", **env: str) -> Result:
    """Run a command that finds `daemon` by its home."""
    return run({**daemon.env, **env}, *args, stdin=stdin)


async def ask_async(daemon: Daemon, *args: str | Path, stdin: str = "", **env: str) -> Result:
    """`ask` beside a running event loop."""
    return await asyncio.to_thread(ask, daemon, *args, stdin=stdin, **env)


def one_line_error(result: Result, code: int) -> str:
    """The error of a failed command, which is one line with a next step."""
    assert result.code == code, result
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("homarus: "), lines
    assert "; " in lines[0], f"no next step: {lines[0]}"
    return lines[0]
