"""What a test measures of a running gateway: memory, open files, and how quickly it answers."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.wire import WireClient

PAUSE_S = 0.005
"""Between two probes: short against what is to be noticed, long enough to leave the gateway alone."""


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return _status_kb(pid, "VmRSS") * 1024


def peak_rss_bytes(pid: int) -> int:
    """The most resident memory a process has had since `reset_peak`."""
    return _status_kb(pid, "VmHWM") * 1024


def reset_peak(pid: int) -> None:
    """Start measuring the peak anew. Source: proc(5), clear_refs."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def open_sockets(pid: int) -> int:
    """How many descriptors of a process are sockets; databases and logs open theirs when they like."""
    return sum(_is_socket(link) for link in Path(f"/proc/{pid}/fd").iterdir())


def _is_socket(link: Path) -> bool:
    try:
        return str(link.readlink()).startswith("socket:")
    except FileNotFoundError:  # closed since it was listed
        return False


def _status_kb(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


class Latencies:
    """Seconds that single answers took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @property
    def worst_s(self) -> float:
        """The slowest answer."""
        return max(self.seconds)

    def quantile_s(self, share: float) -> float:
        """The time within which `share` of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@asynccontextmanager
async def probing(client: WireClient, method: str = "health") -> AsyncGenerator[Latencies]:
    """Calls `method` one after the other while the block runs; its latencies are the loop's."""
    found = Latencies()
    done = asyncio.Event()

    async def probe() -> None:
        while not done.is_set():
            started = time.perf_counter()
            await client.call(method)
            found.seconds.append(time.perf_counter() - started)
            await asyncio.sleep(PAUSE_S)

    task = asyncio.create_task(probe())
    try:
        yield found
    finally:
        done.set()
        await task
