"""`scripts/bench [--quick] [--alone]`: prints the table; exit status 1 when a target is missed."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from scripts.benchmarks import nodes, road, sections
from scripts.benchmarks.contestants import Contestant, Homarus, OpenClaw, running
from scripts.benchmarks.figures import HEADER, Figure, machine


def main() -> int:
    """Run every section and print the table."""
    parser = argparse.ArgumentParser(description="Measure Homarus beside the official gateway.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument("--alone", action="store_true", help="leave the official gateway out")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="homarus-bench-"))
    try:
        figures = _measure(folder, rounds=2 if options.quick else 7, alone=options.alone)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nMeasured on {machine()}.\n\n{HEADER}")
    for figure in figures:
        print(figure.row())
    return 0 if all(figure.met for figure in figures) else 1


def _measure(folder: Path, *, rounds: int, alone: bool) -> list[Figure]:
    ours = Homarus(_sub(folder, "homarus"))
    theirs = None if alone else OpenClaw(_sub(folder, "openclaw"))
    figures = _told(sections.start_figures(ours, theirs, min(rounds, 5)))
    contestants: list[Contestant] = [ours] if theirs is None else [ours, theirs]
    with ExitStack() as stack:
        for contestant in contestants:
            stack.enter_context(running(contestant))
        figures += _told(sections.health_command_figures(ours, theirs, rounds))
        figures += _told(asyncio.run(sections.handshake_figures(ours, theirs, rounds * 10)))
        figures += _told(asyncio.run(sections.rate_figures(ours, theirs, rounds * 2000)))
        figures += _told(asyncio.run(nodes.invoke_figures(ours, theirs, rounds * 2000)))
        figures += _told(asyncio.run(sections.broadcast_figures(ours, 200, rounds)))
    _quieten()
    crowd = sections.many_sessions_figures(_sub(folder, "crowd"), 10_000, 24, rounds * 5)
    figures += _told(asyncio.run(crowd))
    _quieten()
    figures += _told(asyncio.run(sections.chat_figures(_sub(folder, "chat"), 200, rounds)))
    _quieten()
    figures += _told(asyncio.run(road.routing_figures(_sub(folder, "routing"), rounds * 1500)))
    _quieten()
    figures += _told(asyncio.run(nodes.house_figures(_sub(folder, "house"), 500)))
    figures += _told(asyncio.run(nodes.program_figures(_sub(folder, "program"))))
    return figures


def _quieten() -> None:
    """Let the disk finish what earlier sections wrote: it would stall the commits that are measured next."""
    os.sync()
    time.sleep(sections.SETTLE_S)


def _told(figures: list[Figure]) -> list[Figure]:
    for figure in figures:
        print(figure.row(), file=sys.stderr, flush=True)
    return figures


def _sub(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path


if __name__ == "__main__":
    sys.exit(main())
