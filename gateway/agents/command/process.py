"""A program in a process group of its own: fed, read with caps, and ended with everything it started."""

import asyncio
import os
import signal
from asyncio import SubprocessTransport
from asyncio.subprocess import DEVNULL, PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

CHUNK_BYTES: Final = 4096
"""One read of the pipe: small enough to stream, large enough not to matter."""

BUFFER_BYTES: Final = 64 * 1024
"""Held of each pipe before the program has to wait for its reader; asyncio's own default."""

TERM_GRACE_S: Final = 0.4
"""Between the polite signal and the hard one: an abort has to be over within a second."""

STDERR_TAIL_BYTES: Final = 4000
"""Kept of what the program complains, for the error message and the log."""


class ProgramOutputTooLong(Exception):
    """The program wrote more than it may."""


class Program:
    """One run of a program. Use it as `async with await Program.start(…) as program:`; leaving ends it."""

    def __init__(self, transport: SubprocessTransport, process: Process, max_bytes: int) -> None:
        self._transport = transport
        self._process = process
        self._max_bytes = max_bytes
        self._stderr = b""

    @classmethod
    async def start(
        cls, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], max_bytes: int, with_input: bool
    ) -> Self:
        """Start `argv` without a shell, in a process group of its own.

        Raises:
            OSError: when it cannot be started.
        """
        loop = asyncio.get_running_loop()
        # What `create_subprocess_exec` does, keeping the transport: only that can close the pipes.
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(BUFFER_BYTES, loop),
            *argv,
            stdin=PIPE if with_input else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
        return cls(transport, Process(transport, protocol, loop), max_bytes)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group."""
        return self._process.pid

    @property
    def complaint(self) -> str:
        """The end of its stderr."""
        return self._stderr.decode(errors="replace").strip()

    async def feed(self, text: str) -> None:
        """Write all of `text` to stdin and close it. A program that does not read is no error."""
        stdin = self._process.stdin
        if stdin is None:
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(text.encode())
            await stdin.drain()
        stdin.close()

    async def output(self) -> AsyncGenerator[bytes]:
        """What it writes to stdout, as it comes.

        Raises:
            ProgramOutputTooLong: when it writes more than it may.
        """
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - always opened
        total = 0
        while chunk := await stdout.read(CHUNK_BYTES):
            total += len(chunk)
            if total > self._max_bytes:
                raise ProgramOutputTooLong
            yield chunk

    async def collect_complaints(self) -> None:
        """Read stderr to its end, keeping only the last part."""
        stderr = self._process.stderr
        assert stderr is not None  # noqa: S101 - always opened
        while chunk := await stderr.read(CHUNK_BYTES):
            self._stderr = (self._stderr + chunk)[-STDERR_TAIL_BYTES:]

    async def ended(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        return await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the whole group: first politely, then for good."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), TERM_GRACE_S)
        # Also after a normal end: what it left running in its group must not outlive the answer.
        self._signal(signal.SIGKILL)
        await self._process.wait()
        # A pipe nobody reads to its end, after an abort or too much output, would stay open for good.
        self._transport.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
