"""How loaded this machine is, from what the system tells everybody."""

import os
import shutil
from pathlib import Path
from typing import Final

from protocol.nouns.node import HostStats

MEMINFO: Final = Path("/proc/meminfo")
"""Source: proc(5); MemAvailable is what programs can get without swapping."""

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def host_stats() -> HostStats | None:
    """Load, memory and disk of now; None on a system that does not tell how much memory is free."""
    memory = _memory_bytes()
    if memory is None:
        return None
    disk = shutil.disk_usage(Path.home() if Path.home().exists() else Path("/"))
    return HostStats(
        cpu_count=os.cpu_count() or 1,
        load_average=os.getloadavg(),
        memory_total_bytes=memory[0],
        memory_free_bytes=memory[1],
        disk_total_bytes=disk.total,
        disk_available_bytes=disk.free,
    )


def rss_bytes() -> int | None:
    """Memory of this process; None where the system does not tell. Source: proc(5), statm."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def _memory_bytes() -> tuple[int, int] | None:
    """All memory, and what programs can still get."""
    if not MEMINFO.exists():
        return None
    values = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="ascii").splitlines())
    return _kib(values["MemTotal"]), _kib(values.get("MemAvailable", values["MemFree"]))


def _kib(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024
