"""The shipped `homarus node run`, as a real process with a home of its own."""

import asyncio
import contextlib
import os
import select
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from device_node.control import Question, ask
from device_node.home import NodeHome
from device_node.status import NodeStatus, Posture
from tests.support.daemon import HOMARUS

# An idle machine is ready in a third of a second; the rest is for two cores shared by parallel workers.
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
TIMEOUT_S = 20.0
LOOK_S = 0.05


class NodeProcess:
    """One node; `launch`, `kill` and `stop` as often as a test likes."""

    def __init__(self, folder: Path, *, args: Sequence[str] = (), config: str | None = None) -> None:
        """Prepare a node under `folder` without starting it.

        Args:
            folder: Empty folder of this node; `home`, `user` and `node.log` appear in it.
            args: Further arguments of `homarus node run`.
            config: Text of `node.toml`.
        """
        self.home = NodeHome(folder / "home")
        self.args = list(args)
        self.device_id = ""
        self._user_home = folder / "user"
        self._log_path = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        for path in (self.home.root, self._user_home):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config is not None:
            self.home.config_path.write_text(config, encoding="utf-8")

    @property
    def env(self) -> dict[str, str]:
        """Environment of the node, and of commands that should find it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(self._user_home), "HOMARUS_HOME": str(self.home.base)}

    @property
    def running(self) -> bool:
        """Started and neither killed nor stopped by this object."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Process id of the running node."""
        assert self._process is not None, "this node is not running"
        return self._process.pid

    def launch(self) -> None:
        """Start and return once its ready line was read.

        Raises:
            AssertionError: It ended or stayed silent; the text holds its log.
        """
        assert self._process is None, "this node runs already"
        with self._log_path.open("ab") as log:
            process = self._process = subprocess.Popen(
                [str(HOMARUS), "node", "run", *self.args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.env,
                cwd=self._user_home,
                start_new_session=True,
            )
        assert process.stdout is not None
        deadline, line = time.monotonic() + READY_TIMEOUT_S, b""
        while not line.endswith(b"\n"):
            left_s = max(deadline - time.monotonic(), 0)
            chunk = b""
            if select.select([process.stdout], [], [], left_s)[0]:
                chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                self.close()
                raise AssertionError(f"the node did not get ready, said {line!r}\n{self.log_text()}")
            line += chunk
        assert line.startswith(b"homarus node ready "), line
        self.device_id = line.split()[-1].decode()

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        assert self._process is not None, "this node is not running"
        self._process.kill()
        self._process.wait()
        self._forget()

    def stop(self) -> None:
        """SIGTERM, and hold the node to an orderly end.

        Raises:
            AssertionError: It is not gone in time, ended with another code than 0, or asyncio lost a task.
        """
        assert self._process is not None, "this node is not running"
        self._process.terminate()
        code = self._process.wait(STOP_TIMEOUT_S)
        self._forget()
        assert code == 0, f"exit code {code}\n{self.log_text()}"
        for mark in ("was never retrieved", "was never awaited", "Traceback"):
            assert mark not in self.log_text(), self.log_text()

    def close(self) -> None:
        """End whatever is left of it; never fails."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # the group is gone already
            os.killpg(self._process.pid, 9)
        self._process.wait()
        self._forget()

    def log_text(self) -> str:
        """Everything it logged so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace") if self._log_path.exists() else ""

    def status(self) -> NodeStatus:
        """What it says about itself."""
        return ask(self.home.socket_path, Question(ask="status"))

    def move(self, posture: Posture) -> NodeStatus:
        """Move a simulated phone."""
        return ask(self.home.socket_path, Question(ask="posture", posture=posture))

    async def until(self, holds: Callable[[NodeStatus], bool], timeout_s: float = TIMEOUT_S) -> NodeStatus:
        """Its status once `holds`.

        Raises:
            AssertionError: It did not come to that; the text holds the last status and the log.
        """
        deadline = time.monotonic() + timeout_s
        while not holds(status := await asyncio.to_thread(self.status)):
            assert time.monotonic() < deadline, f"{status}\n{self.log_text()}"
            await asyncio.sleep(LOOK_S)
        return status

    async def cli(self, *args: str) -> tuple[int, str, str]:
        """`homarus node ARGS` beside it: exit code, stdout and stderr."""
        process = await asyncio.create_subprocess_exec(
            str(HOMARUS),
            "node",
            *args,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            cwd=self._user_home,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    def _forget(self) -> None:
        assert self._process is not None
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


@asynccontextmanager
async def running(node: NodeProcess) -> AsyncGenerator[NodeProcess]:
    """The node, started; after a test that passed it must also stop in order."""
    try:
        await asyncio.to_thread(node.launch)
        yield node
        if node.running:
            await asyncio.to_thread(node.stop)
    finally:
        node.close()
