"""One node per home: a lock the system lets go of when the process ends, however it ends."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from device_node.failure import NodeError
from device_node.files import PRIVATE_FILE


@contextmanager
def only_instance(path: Path) -> Generator[None]:
    """Hold the lock at `path`.

    Raises:
        NodeError: when another node has it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NodeError(
                f"a node runs with {path.parent.parent} already",
                "ask it with `homarus node status`, or use another --home",
            ) from error
        yield
    finally:
        os.close(handle)
