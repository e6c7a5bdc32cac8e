"""Readings of the process and the machine, from the standard library and `/proc`."""

import os
import platform
import resource
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from protocol.methods.diagnostics import MemoryReading
from protocol.nouns.status import ProcessMemory

_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""`ru_maxrss` is bytes on macOS and KiB elsewhere. Source: getrusage(2)."""


class HostTimes(msgspec.Struct, frozen=True):
    """Processor time of the whole machine since it started, in ticks."""

    busy: int
    total: int


def rss_bytes() -> int:
    """Resident memory of this process now; its highest where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return max_rss_bytes()
    return pages * resource.getpagesize()


def max_rss_bytes() -> int:
    """The most resident memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def process_memory() -> ProcessMemory:
    """Both readings for `status`."""
    return ProcessMemory(rss_bytes=rss_bytes(), max_rss_bytes=max_rss_bytes())


def memory_reading() -> MemoryReading:
    """The reading for the recorder."""
    return MemoryReading(rss_bytes=rss_bytes())


def host_times() -> HostTimes | None:
    """Ticks of all processors, or None where `/proc/stat` does not exist. Source: proc_stat(5)."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        ticks = [int(field) for field in line.split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = ticks[3] + ticks[4]
    return HostTimes(sum(ticks) - idle, sum(ticks))


def host_memory() -> tuple[int, int]:
    """Bytes of memory in the machine, and bytes still available."""
    page = resource.getpagesize()
    total = page * os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in os.sysconf_names else 0
    free = page * os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0
    return total, free


def open_files() -> int | None:
    """File descriptors in use, where the system tells."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - iterdir would hold one more open
    except OSError:
        return None


@lru_cache(maxsize=1)
def cpu_model() -> str | None:
    """The processor's name, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        return None
    return platform.processor() or None


def arch() -> str:
    """The machine's architecture as Node spells it, which is what clients know."""
    machine = platform.machine().lower()
    return {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "armv7l": "arm"}.get(machine, machine)
