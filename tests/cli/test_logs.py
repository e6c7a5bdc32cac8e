"""`homarus logs`."""

import json
import os
import subprocess
from pathlib import Path

from tests.cli.command import ask, one_line_error, run
from tests.support.daemon import HOMARUS, Daemon


def test_lines_for_people_and_for_programs(daemon: Daemon) -> None:
    assert "migration kernel" in ask(daemon, "logs").out
    lines = ask(daemon, "logs", "--json").out.splitlines()
    assert all({"time", "level", "subsystem", "message"} <= set(json.loads(line)) for line in lines)
    assert len(ask(daemon, "logs", "--limit", "1").out.splitlines()) == 1


def test_follow_shows_what_happens_next(daemon: Daemon) -> None:
    follower = subprocess.Popen(
        [HOMARUS, "logs", "--follow", "--limit", "1"], stdout=subprocess.PIPE, env=daemon.env, text=True
    )
    assert follower.stdout is not None
    with follower:
        assert follower.stdout.readline()
        ask(daemon, "config", "set", "logging.level", "debug")
        while "config.patch" not in (line := follower.stdout.readline()):
            assert line, "the follower ended"
        follower.terminate()


def test_the_log_of_a_gateway_that_ended(daemon: Daemon, tmp_path: Path) -> None:
    daemon.kill()
    result = ask(daemon, "logs")
    assert result.code == 0
    assert "migration kernel" in result.out
    assert "not running" in result.err
    one_line_error(run({**os.environ, "HOMARUS_HOME": str(tmp_path / "none")}, "logs"), 69)
