"""What can go wrong with state on disk, and how SQLite's and the system's errors become that.

    Unavailable
    ├── StoreUnavailable      retryable: the caller keeps its work and tries again
    │   ├── StoreFull         no room left on the disk
    │   ├── StoreBusy         another program holds the file's lock
    │   ├── StoreReadOnly     the file or its disk cannot be written
    │   ├── StoreIoError      the disk failed
    │   ├── StoreCorrupt      the file is damaged
    │   └── StoreClosed       the gateway is stopping
    └── SchemaMismatch        not retryable: this software and this file do not belong together
        ├── SchemaTooNew
        ├── SchemaEdited
        ├── SchemaGap
        └── MigrationFailed

Source: primary result codes, https://www.sqlite.org/rescode.html.
"""

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar, Final

from protocol.errors import Unavailable


class StoreUnavailable(Unavailable):
    """State on disk cannot be read or written now."""

    retryable = True
    retry_after_ms = 1000

    problem: ClassVar[str] = "cannot be used now; try again"
    """What is wrong with the named file and what to do, as the end of a sentence."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} {self.problem}")


class StoreFull(StoreUnavailable):
    """The disk is full. Nothing of the failed work was kept; the next write succeeds once there is room."""

    detail_code: ClassVar[str | None] = "STORE_FULL"
    retry_after_ms = 5000
    problem = "cannot be written: the disk is full; free some space and try again"


class StoreBusy(StoreUnavailable):
    """Another program kept the file locked for longer than the busy timeout."""

    detail_code: ClassVar[str | None] = "STORE_BUSY"
    problem = "is locked by another program; close that program and try again"


class StoreReadOnly(StoreUnavailable):
    """The file, its folder or its disk is not writable by this user."""

    detail_code: ClassVar[str | None] = "STORE_READ_ONLY"
    retry_after_ms = 5000
    problem = "cannot be written: check the owner and permissions of the file and its folder"


class StoreIoError(StoreUnavailable):
    """The disk or file system failed. The last commit may reappear after a restart."""

    detail_code: ClassVar[str | None] = "STORE_IO_ERROR"
    retry_after_ms = 5000
    problem = "cannot be used: the disk reports an error; check the disk, then run `homarus doctor`"


class StoreCorrupt(StoreUnavailable):
    """The file is not a readable database, or a blob no longer matches its name."""

    detail_code: ClassVar[str | None] = "STORE_CORRUPT"
    retry_after_ms = 60_000
    problem = "is damaged; restore a backup with `homarus backup restore`"


class StoreClosed(StoreUnavailable):
    """Asked after `close()`."""

    detail_code: ClassVar[str | None] = "STORE_CLOSED"
    problem = "is closed: the gateway is stopping; try again once it runs"


class SchemaMismatch(Unavailable):
    """The database's migrations and this software's do not fit together."""

    detail_code: ClassVar[str | None] = "SCHEMA"


class SchemaTooNew(SchemaMismatch):
    """A newer version of the software has migrated this database."""


class SchemaEdited(SchemaMismatch):
    """The text of an applied migration has changed since."""


class SchemaGap(SchemaMismatch):
    """Migration numbers are not 1, 2, 3, … or a migration file is misnamed."""


class MigrationFailed(SchemaMismatch):
    """A migration's SQL failed and was rolled back."""


_BY_RESULT_CODE: Final[dict[int, type[StoreUnavailable]]] = {
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_PROTOCOL: StoreBusy,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_PERM: StoreReadOnly,
    sqlite3.SQLITE_IOERR: StoreIoError,
    sqlite3.SQLITE_CANTOPEN: StoreIoError,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
}

_BY_ERRNO: Final[dict[int, type[StoreUnavailable]]] = {
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EROFS: StoreReadOnly,
    errno.EACCES: StoreReadOnly,
    errno.EPERM: StoreReadOnly,
}


def store_error(error: BaseException, name: str) -> BaseException:
    """The `StoreUnavailable` that `error` means for the file `name`, or `error` itself.

    Only conditions of the disk and the file are mapped. `sqlite3.IntegrityError` is an answer that a unit may
    reason about, and wrong SQL is a bug of ours; both stay as they are.
    """
    kind: type[StoreUnavailable] | None = None
    if isinstance(error, sqlite3.Error):
        # Extended codes carry the primary one in their low byte; errors of the Python module carry none.
        kind = _BY_RESULT_CODE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, OSError):
        kind = _BY_ERRNO.get(error.errno or 0, StoreIoError)
    if kind is None:
        return error
    mapped = kind(name)
    mapped.__cause__ = error
    return mapped


@contextmanager
def store_errors(name: str) -> Generator[None]:
    """Map SQLite's and the system's errors in the block.

    Raises:
        StoreUnavailable: in place of an error about the disk or the file `name`.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        mapped = store_error(error, name)
        if mapped is error:
            raise
        raise mapped from error
