"""A program in a process group of its own: read with caps and a deadline, and ended with all it started."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, SubprocessTransport
from asyncio.subprocess import DEVNULL, PIPE, SubprocessStreamProtocol
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

import msgspec

from device_node.providers.output import KeptOutput

CHUNK_BYTES: Final = 8192
"""One read of a pipe; as text it fits one progress frame."""

BUFFER_BYTES: Final = 64 * 1024
"""Held of each pipe before the program has to wait for its reader; asyncio's own default."""

TERM_GRACE_S: Final = 0.5
"""Between the polite signal and the hard one: who cancels expects the end within a second."""

LEFTOVER_S: Final = 0.5
"""How long output is still read after the end: a program that was sent away may hold the pipe for good."""

BY_DESCRIPTOR: Final = sys.platform == "linux"
"""Whether an open file can be run, and an open folder entered, whatever happened to its name since."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What to start."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str | None = None
    executable: str | None = None
    """Run this file instead of `argv[0]`, which stays the program's name."""
    keep_fds: tuple[int, ...] = ()
    """Descriptors the program inherits."""
    max_stdout_bytes: int
    max_stderr_bytes: int
    on_output: Callable[[str], None] | None = None
    """Called with output as it comes."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended."""

    exit_code: int | None
    """None when a signal or the deadline ended it."""
    signal: int | None
    timed_out: bool
    stdout: KeptOutput
    stderr: KeptOutput

    @property
    def success(self) -> bool:
        """It ended by itself, and well."""
        return self.exit_code == 0 and not self.timed_out


class _Protocol(SubprocessStreamProtocol):
    """Knows when the program itself has ended, also while others still hold its pipes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(BUFFER_BYTES, loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Program:
    """One run. Use it as `async with await Program.start(…) as program:`; leaving ends its whole group.

    What the program left running in its group ends with it. A service that is meant to stay has to start a
    session of its own, as services do.
    """

    def __init__(self, transport: SubprocessTransport, protocol: _Protocol, start: Start) -> None:
        self._transport = transport
        self._exited = protocol.exited
        self._stdout = KeptOutput(start.max_stdout_bytes, start.on_output)
        self._stderr = KeptOutput(start.max_stderr_bytes, start.on_output)
        self._reading = asyncio.gather(
            _read(protocol.stdout, self._stdout), _read(protocol.stderr, self._stderr)
        )

    @classmethod
    async def start(cls, start: Start) -> Self:
        """Start it without a shell and without input.

        Raises:
            OSError: when it cannot be started.
        """
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: _Protocol(loop),
            *start.argv,
            executable=start.executable,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=start.cwd,
            env=dict(start.env),
            pass_fds=start.keep_fds,
            start_new_session=True,
        )
        return cls(transport, protocol, start)

    async def finish(self, timeout_s: float | None) -> Ended:
        """Wait for its end, at most `timeout_s`, after which the whole group is ended."""
        timed_out = False
        try:
            async with asyncio.timeout(timeout_s):
                await self._exited.wait()
        except TimeoutError:
            timed_out = True
            await self._end()
        self._signal(signal.SIGKILL)
        await asyncio.wait({self._reading}, timeout=LEFTOVER_S)
        code = self._transport.get_returncode()
        died = code is not None and code < 0
        return Ended(
            exit_code=None if died or timed_out else code,
            signal=-code if code is not None and died else None,
            timed_out=timed_out,
            stdout=self._stdout,
            stderr=self._stderr,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._end()
        finally:
            self._reading.cancel()
            # Also the pipes: one that is not read to its end would stay open for good.
            self._transport.close()

    async def _end(self) -> None:
        """End the whole group: first politely, then for good."""
        if not self._exited.is_set():
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), TERM_GRACE_S)
        self._signal(signal.SIGKILL)
        await self._exited.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), number)


async def run_program(start: Start, timeout_s: float | None) -> Ended:
    """Start it and wait for its end.

    Raises:
        OSError: when it cannot be started.
    """
    async with await Program.start(start) as program:
        return await program.finish(timeout_s)


async def _read(pipe: StreamReader | None, kept: KeptOutput) -> None:
    assert pipe is not None  # noqa: S101 - always opened
    while chunk := await pipe.read(CHUNK_BYTES):
        kept.add(chunk)
