"""scripts/setup costs nothing the second time, and the lock it installs is safe to pass on."""

import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_second_setup_is_immediate() -> None:
    setup = ["scripts/setup", "--node"]
    subprocess.run(setup, cwd=ROOT, check=True, capture_output=True)
    started = time.monotonic()
    subprocess.run(setup, cwd=ROOT, check=True, capture_output=True)
    assert time.monotonic() - started < 1.0


def test_an_unknown_option_is_refused() -> None:
    run = subprocess.run(["scripts/setup", "--nope"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (2, "usage: scripts/setup [--node]\n")


def test_every_locked_package_is_exact_and_hashed() -> None:
    """DC-2: the lock pins every dependency."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9.\[\],-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_locks_name_no_package_index() -> None:
    """Any mirror may serve the files; the digests say whether it did so honestly."""
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert '"resolved"' not in (ROOT / "tests/interop/package-lock.json").read_text(encoding="utf-8")
