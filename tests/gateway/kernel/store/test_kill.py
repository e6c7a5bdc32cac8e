"""What an acknowledgement is worth."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import IO

KILLS = 50


def test_fifty_kills_lose_no_acknowledged_row(tmp_path: Path) -> None:
    """S0.3-15, DC-6: kill -9 a writer fifty times; the file stays sound and holds every acknowledged unit.

    Each writer continues on the file as the kill left it. What is checked is a copy of file and log, so that
    recovery is the next writer's to do.
    """
    path = tmp_path / "live" / "state.db"
    rng = random.Random(15)
    acknowledged: set[str] = set()
    script = Path(__file__).with_name("crash_writer.py")
    with subprocess.Popen(
        [sys.executable, script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for kill in range(KILLS):
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            acknowledged |= kill_one_writer(nursery.stdout, rng.uniform(0, 0.06))
            check_copy(path, tmp_path / f"copy-{kill}", acknowledged)
        nursery.stdin.close()
    assert nursery.returncode == 0
    assert len({row.split(".")[0] for row in acknowledged}) == KILLS


def kill_one_writer(lines: IO[str], delay_s: float) -> set[str]:
    """Kill a writer some time after its first acknowledgement; all it acknowledged."""
    pid = 0
    rows: set[str] = set()
    for line in map(str.strip, lines):
        if line.startswith("pid "):
            pid = int(line.removeprefix("pid "))
        elif line == "dead":
            break
        else:
            rows.add(line)
        if pid and rows and delay_s:
            time.sleep(delay_s)
            delay_s = 0
            os.kill(pid, signal.SIGKILL)
    return rows


def check_copy(path: Path, folder: Path, acknowledged: set[str]) -> None:
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(path.with_name(name), folder)
    with closing(sqlite3.connect(folder / path.name)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        first = {row[0] for row in conn.execute("SELECT id FROM a")}
        second = {row[0] for row in conn.execute("SELECT id FROM b")}
    assert first == second
    assert acknowledged <= first
    shutil.rmtree(folder)
