"""How loaded this machine is, from what the system tells everybody."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from protocol.nouns.node import HostStats

MEMINFO: Final = Path("/proc/meminfo")
"""Source: proc(5); MemAvailable is what programs can get without swapping."""

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def host_stats() -> HostStats:
    """Load, memory and disk of now."""
    total, free = _memory_bytes()
    disk = shutil.disk_usage(Path.home() if Path.home().exists() else Path("/"))
    return HostStats(
        cpu_count=os.cpu_count() or 1,
        load_average=os.getloadavg(),
        memory_total_bytes=total,
        memory_free_bytes=free,
        disk_total_bytes=disk.total,
        disk_available_bytes=disk.free,
    )


def rss_bytes() -> int | None:
    """Memory of this process; None where the system does not tell. Source: proc(5), statm."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def _memory_bytes() -> tuple[int, int]:
    if sys.platform == "linux":
        values = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="ascii").splitlines())
        return _kib(values["MemTotal"]), _kib(values.get("MemAvailable", values["MemFree"]))
    total = os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    return total, total - min(total, _resident_bytes())


def _kib(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024


def _resident_bytes() -> int:
    """A system without `/proc/meminfo` tells only about this process; that is at least not available."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
