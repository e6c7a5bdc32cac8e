"""The folder: whose it is, who can read it, whether there is room."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.cli.doctor.finding import Finding, error, note, ok, warning
from gateway.cli.output import size_text
from gateway.kernel.home import Home

LOW_BYTES: Final = 1_000_000_000
"""A person has time to make room before the databases cannot grow."""

EMPTY_BYTES: Final = 100_000_000
"""Below this a backup or an upgrade, which copies a database, would fail."""


def check(home: Home) -> Iterator[Finding]:
    """Findings about the home; one alone when there is none yet."""
    if not home.root.exists():
        yield note("home", f"there is none yet at {home.root}", "`homarus setup` makes it")
        return
    wrong = [*_wrong_owner(home), *_readable(home)]
    yield from wrong or [ok("home", f"{home.root} is yours alone")]
    yield _room(home.root)


def _wrong_owner(home: Home) -> Iterator[Finding]:
    for path in (home.root, home.state_dir, home.keys_dir):
        if path.exists() and path.stat().st_uid != os.getuid():
            yield error("home", f"{path} belongs to another user", f"sudo chown -R $(id -u) {home.root}")
            return


def _readable(home: Home) -> Iterator[Finding]:
    """Folders and secrets that others can open."""
    folders = [home.root, home.state_dir, home.keys_dir, home.blobs_dir, home.logs_dir]
    for path in folders:
        if path.is_dir() and _open_to_others(path):
            yield error("home", f"others can enter {path}", f"chmod 700 {path}")
    secrets = [*home.keys_dir.glob("*"), home.config_path]
    for path in secrets:
        if path.is_file() and _open_to_others(path):
            yield error("home", f"others can read {path}", f"chmod 600 {path}")


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _room(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    if free < EMPTY_BYTES:
        return error("disk", f"only {size_text(free)} are left", f"make room on the disk of {root}")
    if free < LOW_BYTES:
        return warning("disk", f"{size_text(free)} are left", f"make room on the disk of {root}")
    return ok("disk", f"{size_text(free)} are free")
