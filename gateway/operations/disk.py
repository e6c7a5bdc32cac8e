"""Whether the disk below the home can take what must not be lost."""

import os
import shutil
from pathlib import Path
from typing import Final

from gateway.kernel.health import HealthBoard

CHECK_S: Final = 5.0
"""A full or read-only disk must show in health within this time (reliability case R5)."""

LOW_BYTES: Final = 64 * 1024 * 1024
"""Room for a checkpoint of every database and some attachments; below that the next large write may fail."""

PART: Final = "disk"


class DiskWatch:
    """Reports the part `disk`."""

    def __init__(self, root: Path, health: HealthBoard) -> None:
        self._root = root
        self._health = health

    def check(self) -> None:
        """Look once; two system calls."""
        try:
            read_only = bool(os.statvfs(self._root).f_flag & os.ST_RDONLY)
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            self._health.report(PART, ok=False, detail=f"{self._root} cannot be read: {error.strerror}")
            return
        if read_only:
            self._health.report(PART, ok=False, detail=f"{self._root} is on a read-only disk")
        elif free < LOW_BYTES:
            detail = f"only {free // 2**20} MiB are left for {self._root}; free some space"
            self._health.report(PART, ok=False, detail=detail)
        else:
            self._health.report(PART, ok=True)
