"""Figures, how they are summed up, and how processes are weighed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    name: str
    homarus: float
    unit: str
    target: float
    """What it must stay under, or over when `more_is_better`."""
    openclaw: float | None = None
    """The same, measured in the same run; None where there is nothing to compare with."""
    more_is_better: bool = False

    @property
    def met(self) -> bool:
        """Whether the target holds."""
        return self.homarus >= self.target if self.more_is_better else self.homarus <= self.target

    def row(self) -> str:
        """The row in Markdown."""
        sign = "≥" if self.more_is_better else "≤"
        theirs = "" if self.openclaw is None else f"{number(self.openclaw)} {self.unit}"
        ratio = "" if not self.openclaw else f"{number(self._advantage())} x"
        mark = "" if self.met else " **missed**"
        ours = f"{number(self.homarus)} {self.unit}{mark}"
        return f"| {self.name} | {ours} | {theirs} | {ratio} | {sign} {number(self.target)} {self.unit} |"

    def _advantage(self) -> float:
        if not self.openclaw or not self.homarus:
            return math.nan
        return self.homarus / self.openclaw if self.more_is_better else self.openclaw / self.homarus


HEADER = "| figure | Homarus | OpenClaw | better by | target |\n|---|---|---|---|---|"


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def tree_rss_mb(pid: int) -> float:
    """Resident memory of a process and all its children, in MiB."""
    total = 0
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        total += int(Path(f"/proc/{current}/statm").read_text().split()[1]) * PAGE_BYTES
        for task in Path(f"/proc/{current}/task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    return total / 2**20


def machine() -> str:
    """One line on the machine the figures are from."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    cores = len(list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    return f"{cores} x {cpu}, {memory_kib / 2**20:.0f} GiB"
