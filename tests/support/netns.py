"""A network of its own for a program: only a loopback interface, and nobody else on it.

`python -m tests.support.netns PROGRAM...`, started by `unshare`, brings the interface up and becomes PROGRAM.
Floods belong here: multicast on this machine's own loopback would reach every other test.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Source: linux/sockios.h, linux/if.h.
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
IFREQ = "16sH14x"


def run_alone(argv: Sequence[str], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a program there and return what it printed; skips where the system allows no such network."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare on this machine")
    own = [unshare, "--net"] if os.geteuid() == 0 else [unshare, "--map-root-user", "--net"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system allows no network of one's own")
    return subprocess.run(
        [*own, sys.executable, "-m", "tests.support.netns", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def loopback_up() -> None:
    """What `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack(IFREQ, b"lo", IFF_UP))


if __name__ == "__main__":
    loopback_up()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program is the caller's own
