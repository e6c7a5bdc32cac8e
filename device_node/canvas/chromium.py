"""Starting and ending a Chromium of our own, with a fresh profile, on a pipe."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from device_node.canvas.cdp import MAX_MESSAGE_BYTES, Cdp, CdpError, Heard
from device_node.supervisor import Supervisor

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""Names under which systems install it, the freest first."""

START_TIMEOUT_S: Final = 30.0
"""A cold start on a small board from a memory card."""

STOP_TIMEOUT_S: Final = 3.0

_ARGUMENTS: Final = (
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--password-store=basic",
    # Pages learn no address of this machine from a call that never happens.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)

# Chromium reads commands from descriptor 3 and answers on 4; Python hands descriptors down as they are.
_LAUNCHER: Final = """\
import os, sys
commands, answers, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.dup2(commands, 3)
os.dup2(answers, 4)
os.closerange(5, max(commands, answers) + 1)
os.execv(program, sys.argv[3:])
"""

_FIRST_FREE: Final = 10
"""Above the two numbers that Chromium wants, so that neither is overwritten by the other."""


class Chromium:
    """A running browser."""

    def __init__(self, process: asyncio.subprocess.Process, cdp: Cdp, profile: Path) -> None:
        self.process = process
        self.cdp = cdp
        self._profile = profile

    @classmethod
    async def start(
        cls, program: str, environment: Mapping[str, str], *, window: bool, tasks: Supervisor, heard: Heard
    ) -> "Chromium":
        """Start it and wait until it answers.

        Raises:
            CdpError: it does not.
        """
        profile = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="homarus-canvas-"))
        arguments = [*_ARGUMENTS, f"--user-data-dir={profile}"]
        if not window:
            arguments.append("--headless=new")
        if os.geteuid() == 0:
            # Its own sandbox refuses to work for root.
            arguments.append("--no-sandbox")
        command_end, answer_end, streams = _pipes()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", "-c", _LAUNCHER, str(command_end), str(answer_end), program,
                *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL, pass_fds=(command_end, answer_end), start_new_session=True,
                env={**environment, "HOME": str(profile)},
            )  # fmt: skip
        finally:
            os.close(command_end)
            os.close(answer_end)
        cdp = Cdp(*await _connected(*streams), heard)
        tasks.spawn("listen to the browser", cdp.run())
        browser = cls(process, cdp, profile)
        try:
            await cdp.call("Browser.getVersion", timeout_s=START_TIMEOUT_S)
        except BaseException:
            await browser.close()
            raise
        return browser

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.cdp.ended or self.process.returncode is not None

    async def close(self) -> None:
        """End it and everything it started, and remove its profile."""
        with contextlib.suppress(CdpError):
            await self.cdp.call("Browser.close", timeout_s=STOP_TIMEOUT_S)
        self.cdp.end()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        await asyncio.to_thread(shutil.rmtree, self._profile, ignore_errors=True)


def _pipes() -> tuple[int, int, tuple[int, int]]:
    """The browser's ends, and ours: what we read from and what we write to."""
    pairs = [os.pipe(), os.pipe()]
    moved = [tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in pair) for pair in pairs]
    for end in (*pairs[0], *pairs[1]):
        os.close(end)
    (command_end, command), (answer, answer_end) = moved
    return command_end, answer_end, (answer, command)


async def _connected(answer: int, command: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_MESSAGE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(answer, "rb", 0))
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(command, "wb", 0)
    )
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)
