"""Files only their owner can read, each whole or not there at all."""

import os
import tempfile
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
PRIVATE_DIR: Final = 0o700


def private_dir(path: Path) -> None:
    """Make `path` with its missing parents, and take all rights of others away from it.

    Raises:
        OSError: when it cannot be made or is not ours.
    """
    path.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    path.chmod(PRIVATE_DIR)


def write_private(path: Path, data: bytes) -> None:
    """Put `data` at `path` with mode 0600, on the disk and in one step: what fails leaves the old file.

    Raises:
        OSError: when the folder is not there or not writable.
    """
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
