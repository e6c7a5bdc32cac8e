"""The gateway's process on this machine: which one it is, ending it, starting it in the background."""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from gateway.cli.failure import CommandFailed, Denied
from gateway.cli.output import one_line
from gateway.kernel.home import Home
from gateway.kernel.net.local_socket import short_socket_path
from gateway.kernel.store.files import private_file

STOP_PATIENCE_S: Final = 20.0
"""The gateway gives each of its parts five seconds to end."""

START_PATIENCE_S: Final = 60.0
"""A large database may have to be upgraded first."""

LOOK_S: Final = 0.05
"""Between two looks at a process that cannot be waited for."""

READY: Final = "homarus ready "
"""How the gateway's one line on standard output begins; its address follows."""


def listener_pid(home: Home) -> int | None:
    """Which process listens on the home's socket, even one too busy to answer; `None` when none does.

    Raises:
        CommandFailed: when this system does not tell.
    """
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(5.0)
        try:
            with short_socket_path(home.socket_path) as address:
                stream.connect(address)
        except OSError:
            # No file, or nobody behind it: a gateway that runs always accepts here.
            return None
        pid = peer_pid(stream)
    if pid is None:
        raise CommandFailed(
            "this system does not tell the gateway's process id", "end it where it was started"
        )
    return pid


def peer_pid(peer: socket.socket) -> int | None:
    """The process at the other end of a Unix socket. Source: unix(7), SO_PEERCRED."""
    if sys.platform != "linux":
        return None
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return pid or None


def stop_process(pid: int) -> None:
    """Ask a process to end in order, and wait until it has.

    Raises:
        CommandFailed: when it does not end in time, or may not be told to.
    """
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise Denied(f"process {pid} belongs to somebody else", "stop it as its owner") from error
    if not _has_ended(pid, STOP_PATIENCE_S):
        raise CommandFailed(
            f"process {pid} still runs after {STOP_PATIENCE_S:.0f} s", f"`kill -9 {pid}` ends it"
        )


def _has_ended(pid: int, patience_s: float) -> bool:
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([descriptor], [], [], patience_s)[0])
        finally:
            os.close(descriptor)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(LOOK_S)
    return False


def start_in_background(home: Home) -> str:
    """Start a gateway that outlives this command and return its address.

    Raises:
        CommandFailed: when it does not come up, with what it said.
    """
    argv = [sys.executable, "-m", "gateway", "gateway", "run", "--home", str(home.root)]
    said = home.logs_dir / "start.log"
    private_file(said)
    with said.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own program
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=home.root,
            start_new_session=True,
        )
    line = _first_line(process, time.monotonic() + START_PATIENCE_S)
    if not line.startswith(READY):
        process.kill()
        process.wait()
        raise CommandFailed(f"the gateway does not start: {_last_words(said)}", f"{said} has the details")
    return line.removeprefix(READY).strip()


def _first_line(process: subprocess.Popen[bytes], deadline: float) -> str:
    if process.stdout is None:
        return ""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
            break
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            break
        line += chunk
    process.stdout.close()
    return line.decode(errors="replace")


def _last_words(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return one_line(lines[-1], 300) if lines else "it said nothing"
