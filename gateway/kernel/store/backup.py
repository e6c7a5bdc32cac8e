"""A consistent copy of a database that is being written."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from gateway.kernel.store.connection import Tx
from gateway.kernel.store.files import PRIVATE_FILE, move_into_place, private_file

STEP_PAGES: Final = 256
"""One mebibyte a step: a cancelled backup stops within milliseconds."""


class CopyStopped(Exception):
    """The copy was told to stop; nothing was left behind."""


def copy_database(source: Tx, target: Path, stopped: Callable[[], bool] = lambda: False) -> None:
    """Copy what `source` sees now to `target`: one self-contained file, mode 0600, there only when complete.

    The copy holds one read snapshot from first to last page: writers go on unhindered, and their commits
    cannot make SQLite begin the copy anew, as they would without it.

    Raises:
        CopyStopped: when `stopped()` became true.
        sqlite3.Error: unmapped, like the next one.
        OSError: when `target` cannot be written.

    Source: https://www.sqlite.org/c3ref/backup_finish.html (concurrent usage during a backup).
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    private_file(partial)

    def progress(_status: int, _remaining: int, _total: int) -> None:
        if stopped():
            raise CopyStopped

    try:
        _copy_pages(source, partial, progress)
        move_into_place(partial, target)
        target.chmod(PRIVATE_FILE)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _copy_pages(source: Tx, partial: Path, progress: Callable[[int, int, int], None]) -> None:
    with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        # An unfinished copy is thrown away and a finished one synced as a file, so SQLite need do neither.
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=STEP_PAGES, progress=progress)
        finally:
            source.execute("ROLLBACK")
        # The copied header says "write-ahead log"; without one beside it the file is easier to move about.
        copy.execute("PRAGMA journal_mode=DELETE")
