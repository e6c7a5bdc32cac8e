"""The address of a Unix socket, however deep its folder lies."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MAX_ADDRESS_BYTES: Final = 100
"""`sun_path` has 108 bytes on Linux and 104 on macOS, the final NUL included."""


@contextmanager
def short_socket_path(path: Path) -> Generator[str]:
    """An address for `bind` or `connect` that fits, valid inside the block.

    A long one goes through an open descriptor of its folder, which Linux offers under `/proc`; elsewhere the
    long path is used as it is and the system refuses it with `OSError`.
    """
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
