"""What is done already, kept beside the databases."""

from pathlib import Path

import msgspec

from gateway.kernel.config.files import write_private
from gateway.kernel.home import Home


class _Stored(msgspec.Struct):
    done: list[str] = []


class Progress:
    """Names of finished steps. A damaged file counts as none: every step can be repeated without harm."""

    def __init__(self, home: Home) -> None:
        self._path: Path = home.state_dir / "setup.json"
        try:
            self._stored = msgspec.json.decode(self._path.read_bytes(), type=_Stored)
        except (FileNotFoundError, msgspec.MsgspecError):
            self._stored = _Stored()

    def done(self, step: str) -> bool:
        """Whether a step was finished, now or in an earlier run."""
        return step in self._stored.done

    def mark(self, step: str) -> None:
        """A step is finished; on the disk when this returns."""
        if step not in self._stored.done:
            self._stored.done.append(step)
            write_private(self._path, msgspec.json.encode(self._stored).decode())

    def forget(self) -> None:
        """Begin from the start."""
        self._stored = _Stored()
        self._path.unlink(missing_ok=True)
