"""Numbered SQL files per feature, applied once each, with a way back."""

import hashlib
import logging
import re
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from gateway.kernel.store.backup import copy_database
from gateway.kernel.store.connection import Tx
from gateway.kernel.store.errors import MigrationFailed, SchemaEdited, SchemaGap, SchemaTooNew

LOG = logging.getLogger(__name__)

KEPT_SNAPSHOTS: Final = 3
"""Enough to go back over two bad upgrades; each is as large as the database."""

_FILE_NAME: Final = re.compile(r"(\d{3})_([a-z0-9_]+)\.sql")

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    feature TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_ms INTEGER NOT NULL,
    PRIMARY KEY (feature, number)
) WITHOUT ROWID
"""


class Migration(msgspec.Struct, frozen=True):
    """One step of one feature's tables."""

    feature: str
    number: int
    """1, 2, 3, … within the feature."""
    name: str
    sql: str
    """Any number of statements, without BEGIN and COMMIT."""

    @property
    def sha256(self) -> str:
        """Fingerprint of the SQL, which must never change once released."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.feature} {self.number:03d} ({self.name})"


def load_migrations(feature: str, package: str) -> tuple[Migration, ...]:
    """The files `schema/NNN_what.sql` of `package`, in order.

    Raises:
        SchemaGap: when the folder or a number is missing, a number is taken twice, or a file is misnamed.
    """
    found: list[Migration] = []
    folder = files(package).joinpath("schema")
    if not folder.is_dir():
        raise SchemaGap(f"{package}/schema: no such folder; install the package with its data files")
    for entry in folder.iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise SchemaGap(f"{package}/schema/{entry.name}: name it NNN_what.sql")
        found.append(Migration(feature, int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    _check_numbers(found)
    return tuple(found)


def apply(conn: Tx, migrations: Sequence[Migration]) -> None:
    """Bring the database to `migrations`: pending ones run in the order given, each in its own transaction.

    Before it changes a database that holds tables, it writes a copy `<name>.before-<utc>` beside it and keeps
    the newest three. A failed migration leaves the file as the one before it left it.

    Raises:
        SchemaTooNew: the database holds a migration that is not in `migrations`.
        SchemaEdited: an applied migration's text differs from the one in `migrations`.
        SchemaGap: numbers are missing in `migrations` or in the database.
        MigrationFailed: names the migration, SQLite's reason, and the copy if it is of use.
        sqlite3.Error: unmapped, when the database cannot be read or copied; so too OSError.
    """
    _check_numbers(migrations)
    conn.execute(_LEDGER)
    pending = _pending(conn, migrations)
    if not pending:
        return
    snapshot = _snapshot(conn) if _has_tables(conn) else None
    (foreign_keys,) = conn.execute("PRAGMA foreign_keys").fetchone()
    # Rebuilding a table drops it, and enforced keys would delete what refers to it. Each commit is checked.
    conn.execute("PRAGMA foreign_keys=OFF")
    try:
        for position, migration in enumerate(pending):
            _run(conn, migration, snapshot, first=position == 0)
    finally:
        conn.execute(f"PRAGMA foreign_keys={foreign_keys}")
    _prune_snapshots(_path(conn))


def _check_numbers(migrations: Sequence[Migration]) -> None:
    last: dict[str, int] = {}
    for migration in migrations:
        expected = last.get(migration.feature, 0) + 1
        if migration.number != expected:
            raise SchemaGap(f"migration {migration}: its number should be {expected:03d}")
        last[migration.feature] = expected


def _pending(conn: Tx, migrations: Sequence[Migration]) -> list[Migration]:
    """Those not in the ledger, after holding what is there against what this software knows."""
    known = {(migration.feature, migration.number): migration for migration in migrations}
    applied: dict[str, int] = {}
    for feature, number, name, sha256 in conn.execute(
        "SELECT feature, number, name, sha256 FROM schema_migrations ORDER BY feature, number"
    ):
        migration = known.pop((feature, number), None)
        if migration is None:
            raise SchemaTooNew(_too_new(conn, f"{feature} {number:03d} ({name})"))
        if migration.sha256 != sha256:
            raise SchemaEdited(
                f"{_path(conn).name}: migration {migration} was applied with other text; "
                "restore the released file and put the change in a new migration"
            )
        applied[feature] = applied.get(feature, 0) + 1
        if number != applied[feature]:
            missing = f"{feature} {applied[feature]:03d}"
            raise SchemaGap(f"{_path(conn).name}: migration {missing} was never applied; restore a backup")
    return list(known.values())


def _too_new(conn: Tx, label: str) -> str:
    path = _path(conn)
    snapshots = _snapshots(path)
    back = f", or put {snapshots[-1]} in its place" if snapshots else ""
    return f"{path.name} was upgraded by newer software (migration {label}): install that version{back}"


def _run(conn: Tx, migration: Migration, snapshot: Path | None, *, first: bool) -> None:
    LOG.info("migration %s", migration)
    try:
        conn.executescript(f"BEGIN IMMEDIATE;\n{migration.sql}\n;")
        if not conn.in_transaction:
            raise sqlite3.OperationalError("it ends its own transaction")
        if broken := conn.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.IntegrityError(f"table {broken[0]} would refer to missing rows of {broken[2]}")
        applied_ms = time.time_ns() // 1_000_000
        conn.execute(
            "INSERT INTO schema_migrations VALUES (?, ?, ?, ?, ?)",
            (migration.feature, migration.number, migration.name, migration.sha256, applied_ms),
        )
        conn.execute("COMMIT")
    except sqlite3.Error as error:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        if snapshot is not None and first:
            # The database is as it was, and a start that is retried would make a copy each time.
            snapshot.unlink()
            snapshot = None
        kept = f" The database as it was before: {snapshot}" if snapshot else " It changed nothing."
        raise MigrationFailed(f"{_path(conn).name}: migration {migration} failed: {error}.{kept}") from error


def _has_tables(conn: Tx) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE tbl_name != 'schema_migrations' LIMIT 1"
    return conn.execute(query).fetchone() is not None


def _path(conn: Tx) -> Path:
    (_, _, file) = conn.execute("PRAGMA database_list").fetchone()
    return Path(file)


def _snapshot(conn: Tx) -> Path:
    path = _path(conn)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = path.with_name(f"{path.name}.before-{stamp}")
    copy_database(conn, target)
    LOG.info("before its upgrade %s was copied to %s", path.name, target)
    return target


def _prune_snapshots(path: Path) -> None:
    """Only after success: repeated failing starts must not push a useful copy out."""
    for old in (*_snapshots(path)[:-KEPT_SNAPSHOTS], *_beside(path, ".partial")):
        old.unlink()


def _snapshots(path: Path) -> list[Path]:
    """Copies of `path` made before upgrades, oldest first: the stamps sort as times."""
    return sorted(_beside(path, "Z"))


def _beside(path: Path, ending: str) -> list[Path]:
    prefix = f"{path.name}.before-"
    names = [entry.name for entry in path.parent.iterdir()]
    return [path.with_name(name) for name in names if name.startswith(prefix) and name.endswith(ending)]
