"""A program in a real terminal: type into it, read its screen as a person would.

The program gets a pseudo-terminal; `pyte` turns what it writes into the characters on a screen of fixed size.
"""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte

ROWS, COLUMNS = 50, 140
ENTER, ESCAPE, CONTROL_C = "\r", "\x1b", "\x03"

# A loaded machine takes ten seconds to start a large command-line program.
SCREEN_TIMEOUT_S = 40.0
END_TIMEOUT_S = 5.0


def _take_terminal() -> None:
    """Make standard input the terminal of the new session, or Ctrl-C would be a letter and no signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """One program in its own terminal while the context is open.

    >>> async with Terminal(argv, env, cwd) as terminal:
    ...     await terminal.shows("connected")
    ...     await terminal.type("hello", ENTER)
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        """Prepare `argv` with exactly `env`, `TERM` and `COLUMNS` aside, without starting it."""
        self._argv = list(argv)
        self._env = {**env, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        self._cwd = cwd
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = asyncio.Event()
        self._leader = -1
        self._process: asyncio.subprocess.Process | None = None
        self.written = bytearray()
        """Every byte the program wrote."""

    async def __aenter__(self) -> Self:
        """Start the program."""
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.set_blocking(self._leader, False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=follower,
                stdout=follower,
                stderr=follower,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
        finally:
            os.close(follower)
        asyncio.get_running_loop().add_reader(self._leader, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the program, with everything it started."""
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._leader)
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        os.close(self._leader)

    @property
    def screen(self) -> str:
        """The visible lines, right-hand blanks removed."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def type(self, *keys: str) -> None:
        """Type each of `keys`; a pause between two lets the program read them as separate presses."""
        for key in keys:
            os.write(self._leader, key.encode())
            await asyncio.sleep(0.2)

    async def shows(self, text: str, timeout_s: float = SCREEN_TIMEOUT_S) -> str:
        """Wait until `text` is on the screen and return the screen.

        Raises:
            AssertionError: It did not appear; the text holds the screen.
        """
        return await self.until(lambda screen: text in screen, repr(text), timeout_s)

    async def until(
        self, holds: Callable[[str], bool], what: str, timeout_s: float = SCREEN_TIMEOUT_S
    ) -> str:
        """Wait until `holds(screen)` and return the screen.

        Raises:
            AssertionError: It never held; the text names `what` and holds the screen.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not holds(self.screen):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} on the screen after {timeout_s} s:\n{self.screen}") from None
        return self.screen

    async def ended(self) -> int:
        """Wait for the program's own end and return its exit code."""
        assert self._process is not None
        async with asyncio.timeout(END_TIMEOUT_S):
            return await self._process.wait()

    def _read(self) -> None:
        try:
            data = os.read(self._leader, 65536)
        except OSError:
            # EIO is how Linux says that the last writer of a terminal is gone.
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._leader)
        self.written += data
        self._stream.feed(data)
        self._changed.set()
