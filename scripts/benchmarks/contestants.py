"""The gateways being measured, started and stopped the same way."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.support.daemon import HOMARUS, Daemon
from tests.support.openclaw import OpenClawCli, OpenClawGateway

TOKEN = "bench-token-5f2c9a7d31e84b06"  # noqa: S105 - guards gateways that live for seconds
CHALLENGE_TIMEOUT_S = 60.0


class Contestant(Protocol):
    """A gateway under measurement."""

    name: str
    token: str

    @property
    def pid(self) -> int:
        """Root of its process tree."""
        ...

    @property
    def ws_url(self) -> str:
        """Where clients connect."""
        ...

    def start(self) -> float:
        """Start it; seconds from the start of the process to the first `connect.challenge`."""
        ...

    def stop(self) -> None:
        """End it; it can be started again on the same state."""
        ...

    def health_command(self) -> list[str]:
        """Its own command line asking it for its health."""
        ...

    def command_env(self) -> dict[str, str]:
        """The environment for that command."""
        ...


class Homarus:
    """Ours."""

    name = "Homarus"
    token = TOKEN

    def __init__(self, folder: Path) -> None:
        self.daemon = Daemon(folder, token=TOKEN)

    @property
    def pid(self) -> int:
        """See `Contestant`."""
        return self.daemon.pid

    @property
    def ws_url(self) -> str:
        """See `Contestant`."""
        return self.daemon.ws_url

    def start(self) -> float:
        """See `Contestant`; the port is only known from the ready line, so that is waited for first."""
        started = time.perf_counter()
        self.daemon.launch()
        _first_challenge(self.ws_url)
        return time.perf_counter() - started

    def stop(self) -> None:
        """See `Contestant`."""
        self.daemon.kill()

    def health_command(self) -> list[str]:
        """See `Contestant`."""
        return [str(HOMARUS), "gateway", "health"]

    def command_env(self) -> dict[str, str]:
        """See `Contestant`."""
        return self.daemon.env


class OpenClaw:
    """Theirs."""

    name = "OpenClaw"
    token = TOKEN

    def __init__(self, folder: Path) -> None:
        self.gateway = OpenClawGateway(folder, token=TOKEN)
        self._cli = OpenClawCli(folder / "client", self.gateway.port, TOKEN)

    @property
    def pid(self) -> int:
        """See `Contestant`."""
        return self.gateway.pid

    @property
    def ws_url(self) -> str:
        """See `Contestant`."""
        return self.gateway.ws_url

    def start(self) -> float:
        """See `Contestant`; its port is chosen beforehand, so the challenge is awaited directly."""
        started = time.perf_counter()
        with _Prober(self.ws_url) as prober:
            self.gateway.launch()
            prober.wait()
        return prober.answered - started

    def stop(self) -> None:
        """See `Contestant`."""
        self.gateway.close()

    def health_command(self) -> list[str]:
        """See `Contestant`."""
        return OpenClawCli.argv("gateway", "health")

    def command_env(self) -> dict[str, str]:
        """See `Contestant`."""
        return self._cli.env


@contextmanager
def running(contestant: Contestant) -> Generator[float]:
    """Start a contestant for the length of the block, whatever happens in it; gives what `start` says."""
    seconds = contestant.start()
    try:
        yield seconds
    finally:
        contestant.stop()


class _Prober(AbstractContextManager["_Prober"]):
    """Notes when an address first answers with a challenge, in a process that nothing delays."""

    def __init__(self, url: str) -> None:
        self._argv = [sys.executable, "-c", _PROBE, url]
        self._process: subprocess.Popen[str]
        self.answered = 0.0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, text=True)
        return self

    def wait(self) -> None:
        """Wait for the probe."""
        stdout, _ = self._process.communicate(timeout=CHALLENGE_TIMEOUT_S)
        self.answered = float(stdout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


_PROBE = """
import sys, time
from websockets.sync.client import connect
while True:
    try:
        with connect(sys.argv[1], open_timeout=2) as socket:
            socket.recv(2)
            print(time.perf_counter())
            break
    except Exception:
        time.sleep(0.02)
"""


def _first_challenge(url: str) -> None:
    deadline = time.monotonic() + CHALLENGE_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with connect(url, open_timeout=2) as socket:
                socket.recv(2)
                return
        except (OSError, TimeoutError, WebSocketException):
            time.sleep(0.01)
    raise TimeoutError(f"no challenge from {url}")
