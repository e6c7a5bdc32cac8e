"""The shipped `homarus gateway run`, as a real process on a free port.

The class depends on no event loop, so that one daemon can serve a whole module of async tests.
"""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self
from urllib.parse import urlsplit
from weakref import WeakSet

HOMARUS = Path(sys.executable).with_name("homarus")
TOKEN = "test-token-3f9c1a7be2d84c55"

# An idle machine is ready in well under a second; the rest is for two cores shared by parallel test workers.
READY_TIMEOUT_S = 30.0
# The gateway promises an orderly stop within this time.
STOP_TIMEOUT_S = 10.0
# Enough to hold a traceback and what led to it.
LOG_TAIL_CHARS = 6000
# What asyncio prints when a task or coroutine was lost; no run may contain one.
LOST_TASK_MARKS = ("was never retrieved", "was never awaited", "Task was destroyed but it is pending")


class Daemon:
    """One gateway with its own home; `start`, `kill`, `stop` and `restart` as often as a test likes.

    Use it as `async with Daemon(tmp_path) as daemon:` or through the fixtures `daemon` and `shared_daemon`.
    """

    alive: ClassVar["WeakSet[Daemon]"] = WeakSet()
    """Started and not yet closed daemons, for the failure report."""

    def __init__(
        self,
        folder: Path,
        *,
        token: str | None = TOKEN,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> None:
        """Prepare a daemon under `folder` without starting it.

        Args:
            folder: Empty folder of this daemon; `home`, `user` and `gateway.log` appear in it.
            token: Shared secret given as `--token`; None gives none.
            args: Further arguments of `homarus gateway run`.
            env: Variables added to the child's otherwise bare environment.
            config: Text of `homarus.toml`, written before the first start.
        """
        self.home = folder / "home"
        self.token = token or ""
        self.port = 0
        self.ready_after_s = 0.0
        """Seconds from starting the process to its ready line."""
        self._args = list(args)
        self._env = dict(env or {})
        self._user_home = folder / "user"
        self._log_path = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        for path in (self.home, self._user_home):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config is not None:
            (self.home / "homarus.toml").write_text(config, encoding="utf-8")

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """`ws://127.0.0.1:PORT/`."""
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def running(self) -> bool:
        """Started and neither killed nor stopped by this object."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Process id of the running gateway."""
        return self._running().pid

    @property
    def env(self) -> dict[str, str]:
        """Environment of the child; also right for CLI commands that should find this gateway."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(self._user_home), "HOMARUS_HOME": str(self.home), **self._env}

    def stderr_text(self) -> str:
        """Everything written to stderr so far, over all starts."""
        return self._log_path.read_text(encoding="utf-8", errors="replace") if self._log_path.exists() else ""

    def launch(self) -> None:
        """Start and return once the ready line was read.

        Raises:
            AssertionError: It ended, stayed silent or said something else; the text holds its stderr.
        """
        assert self._process is None, "this daemon runs already"
        argv = [str(HOMARUS), "gateway", "run", "--port", str(self.port), "--home", str(self.home)]
        argv += ["--token", self.token] if self.token else []
        started = time.monotonic()
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*argv, *self._args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.env,
                cwd=self._user_home,
                start_new_session=True,
            )
        Daemon.alive.add(self)
        try:
            self.port = self._read_ready_port(started + READY_TIMEOUT_S)
        except BaseException:
            self.close()
            raise
        self.ready_after_s = time.monotonic() - started

    def kill(self) -> None:
        """SIGKILL the gateway process alone and wait for its end."""
        process = self._running()
        process.kill()
        process.wait()
        self._forget()

    def shut_down(self) -> None:
        """SIGTERM, and hold the gateway to an orderly end.

        Raises:
            AssertionError: Not gone within 10 s, an exit code other than 0, more than the ready line on
                stdout, or a task asyncio lost.
        """
        process = self._running()
        process.terminate()
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            code = None
        # Not a plain read: a child the gateway left behind would hold the pipe open.
        more = os.read(self._stdout().fileno(), 4096) if self._stdout_ready(0) else b""
        self.close()
        tail = self.log_tail()
        assert code is not None, f"still running {STOP_TIMEOUT_S} s after SIGTERM\n{tail}"
        assert code == 0, f"exit code {code} after SIGTERM\n{tail}"
        assert not more, f"stdout carried more than the ready line: {more!r}"
        lost = [mark for mark in LOST_TASK_MARKS if mark in self.stderr_text()]
        assert not lost, f"asyncio reported a lost task: {lost}\n{tail}"

    def close(self) -> None:
        """End whatever is left, children of the gateway included; never fails."""
        process = self._process
        Daemon.alive.discard(self)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # the group is gone already
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._forget()

    async def start(self) -> None:
        """`launch` beside a running event loop."""
        await asyncio.to_thread(self.launch)

    async def stop(self) -> None:
        """`shut_down` beside a running event loop."""
        await asyncio.to_thread(self.shut_down)

    async def restart(self) -> None:
        """Stop in order if running, then start again with the same home on the same port."""
        if self.running:
            await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; a daemon still running after a test that passed must also stop in order."""
        try:
            if kind is None and self.running:
                await self.stop()
        finally:
            self.close()

    def log_tail(self) -> str:
        """The end of stderr, for messages."""
        return self.stderr_text()[-LOG_TAIL_CHARS:]

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "this daemon is not running"
        return self._process

    def _stdout(self) -> IO[bytes]:
        stdout = self._running().stdout
        assert stdout is not None
        return stdout

    def _stdout_ready(self, wait_s: float) -> bool:
        return bool(select.select([self._stdout()], [], [], wait_s)[0])

    def _forget(self) -> None:
        self._stdout().close()
        self._process = None

    def _read_ready_port(self, deadline: float) -> int:
        line = b""
        while not line.endswith(b"\n"):
            assert self._stdout_ready(max(deadline - time.monotonic(), 0)), (
                f"no ready line within {READY_TIMEOUT_S} s\n{self.log_tail()}"
            )
            chunk = os.read(self._stdout().fileno(), 4096)
            assert chunk, f"gateway ended before its ready line, said {line!r}\n{self.log_tail()}"
            line += chunk
        word, state, url = [*line.decode().split(), "", "", ""][:3]
        assert (word, state) == ("homarus", "ready"), f"expected `homarus ready <url>`, got {line!r}"
        port = urlsplit(url).port
        assert port, f"no port in {line!r}"
        return port


def launched(folder: Path, *, config: str | None = None) -> Iterator[Daemon]:
    """Body of a fixture: a started daemon, ended in order afterwards if the test left it running."""
    daemon = Daemon(folder, config=config)
    daemon.launch()
    try:
        yield daemon
        if daemon.running:
            daemon.shut_down()
    finally:
        daemon.close()
