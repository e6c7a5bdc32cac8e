"""Ctrl-C as something to look at.

An exception in the middle of a frame would lose bytes; so while a connection is in use, Ctrl-C only makes a
descriptor readable, and whoever waits there decides.
"""

import signal
import socket
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """While the context is open, SIGINT is counted instead of raised."""

    def __init__(self) -> None:
        self._readable, self._writable = socket.socketpair()
        for end in (self._readable, self._writable):
            end.setblocking(False)
        self.count = 0

    def __enter__(self) -> Self:
        """Begin to count."""
        self._old_descriptor = signal.set_wakeup_fd(self._writable.fileno(), warn_on_full_buffer=False)
        self._old_handler = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As it was before."""
        signal.signal(signal.SIGINT, self._old_handler)
        signal.set_wakeup_fd(self._old_descriptor)
        self._readable.close()
        self._writable.close()

    def fileno(self) -> int:
        """Readable after each Ctrl-C until `drain`."""
        return self._readable.fileno()

    def drain(self) -> None:
        """Wait anew; `count` stays."""
        try:
            while self._readable.recv(64):
                pass
        except BlockingIOError:
            # Empty, which is what was wanted.
            return

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
