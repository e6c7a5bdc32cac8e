"""Migrations: forward in steps, back by the copy made before."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database
from gateway.kernel.store.errors import MigrationFailed, SchemaEdited, SchemaGap, SchemaTooNew, StoreCorrupt
from gateway.kernel.store.migrate import Migration, apply, load_migrations

FIXTURE = Path(__file__).parent / "fixtures" / "v1.sql"

NOTES_1 = Migration("notes", 1, "notes", "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);\n")
TAGS_1 = Migration(
    "tags",
    1,
    "tags",
    "CREATE TABLE tag (note INTEGER NOT NULL REFERENCES note ON DELETE CASCADE, word TEXT NOT NULL);\n",
)
# The way SQLite wants a column rule changed: rebuild the table others refer to. Ends in a comment on purpose.
NOTES_2 = Migration(
    "notes",
    2,
    "kind",
    """CREATE TABLE note_new (id INTEGER PRIMARY KEY, text TEXT NOT NULL CHECK (text != ''), kind TEXT);
    INSERT INTO note_new SELECT id, text, 'old' FROM note;
    DROP TABLE note;
    ALTER TABLE note_new RENAME TO note; -- the tags stay""",
)
FAILING = Migration("notes", 2, "broken", "CREATE TABLE half (id);\nINSERT INTO nowhere VALUES (1);")

V1 = (NOTES_1, TAGS_1)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """A database file as version 1 left it."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(FIXTURE.read_text())
    return path


@pytest.fixture
def conn(v1: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to it."""
    with closing(sqlite3.connect(v1)) as connection:
        yield connection


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def snapshots(path: Path) -> list[Path]:
    return sorted(path.parent.glob("state.db.before-*"))


async def test_v1_database_is_upgraded_with_its_rows(v1: Path) -> None:
    """S0.3-15: version 1's file is carried to version 2; rows that refer to a rebuilt table stay."""
    as_it_was = dump(v1)
    db = await Database.open(v1, (NOTES_1, NOTES_2, TAGS_1))
    notes = await db.read(lambda tx: tx.execute("SELECT * FROM note ORDER BY id").fetchall())
    tags = await db.read(lambda tx: tx.execute("SELECT * FROM tag ORDER BY note").fetchall())
    ledger = await db.read(
        lambda tx: tx.execute("SELECT feature, number, name, sha256 FROM schema_migrations").fetchall()
    )
    await db.close()
    assert notes == [(1, "milk", "old"), (2, "bread", "old")]
    assert tags == [(1, "shopping"), (2, "shopping")]
    assert ("notes", 2, "kind", NOTES_2.sha256) in ledger
    (snapshot,) = snapshots(v1)
    assert snapshot.stat().st_mode & 0o777 == 0o600
    assert dump(snapshot) == as_it_was


async def test_going_back_with_the_copy(v1: Path) -> None:
    db = await Database.open(v1, (NOTES_1, NOTES_2, TAGS_1))
    await db.close()
    (snapshot,) = snapshots(v1)
    with pytest.raises(SchemaTooNew) as refused:
        await Database.open(v1, V1)
    assert str(snapshot) in refused.value.message
    assert "notes 002 (kind)" in refused.value.message
    assert not refused.value.retryable
    snapshot.replace(v1)
    db = await Database.open(v1, V1)
    assert await db.read(lambda tx: tx.execute("SELECT count(*) FROM note").fetchone()) == (2,)
    await db.close()


async def test_up_to_date_or_new_database_makes_no_copy(v1: Path, tmp_path: Path) -> None:
    for path in (v1, tmp_path / "new" / "state.db"):
        db = await Database.open(path, V1)
        await db.close()
        assert snapshots(path) == []


def test_edited_migration_is_refused(conn: sqlite3.Connection) -> None:
    edited = Migration("notes", 1, "notes", NOTES_1.sql + "-- tidied\n")
    with pytest.raises(SchemaEdited, match=r"notes 001 \(notes\)"):
        apply(conn, (edited, TAGS_1))


def test_gap_in_the_database_is_refused(conn: sqlite3.Connection) -> None:
    conn.execute("INSERT INTO schema_migrations VALUES ('notes', 3, 'x', ?, 0)", (FAILING.sha256,))
    conn.commit()
    third = Migration("notes", 3, "x", FAILING.sql)
    with pytest.raises(SchemaGap, match="notes 002 was never applied"):
        apply(conn, (NOTES_1, NOTES_2, third, TAGS_1))


def test_gap_in_the_software_is_refused(conn: sqlite3.Connection) -> None:
    with pytest.raises(SchemaGap, match="should be 002"):
        apply(conn, (NOTES_1, Migration("notes", 3, "x", ""), TAGS_1))


async def test_failed_migration_changes_nothing(v1: Path) -> None:
    as_it_was = dump(v1)
    for _ in range(5):
        with pytest.raises(MigrationFailed, match=r"notes 002 \(broken\) failed: no such table: nowhere"):
            await Database.open(v1, (NOTES_1, FAILING, TAGS_1))
    assert dump(v1) == as_it_was
    assert snapshots(v1) == []


async def test_failure_after_a_success_keeps_the_copy_of_before(v1: Path) -> None:
    as_it_was = dump(v1)
    failing = Migration("notes", 3, "broken", FAILING.sql)
    with pytest.raises(MigrationFailed) as failed:
        await Database.open(v1, (NOTES_1, NOTES_2, failing, TAGS_1))
    (snapshot,) = snapshots(v1)
    assert str(snapshot) in failed.value.message
    for _ in range(5):
        with pytest.raises(MigrationFailed, match="It changed nothing"):
            await Database.open(v1, (NOTES_1, NOTES_2, failing, TAGS_1))
    assert snapshots(v1) == [snapshot]
    assert dump(snapshot) == as_it_was
    with pytest.raises(SchemaTooNew, match=snapshot.name):
        await Database.open(v1, V1)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DELETE FROM note WHERE id = 1;", "table tag would refer to missing rows of note"),
        ("CREATE TABLE x (id); COMMIT;", "ends its own transaction"),
        ("SELECT 'unfinished", "unrecognized token"),
    ],
)
def test_unsound_migrations_fail(conn: sqlite3.Connection, sql: str, reason: str) -> None:
    with pytest.raises(MigrationFailed, match=reason):
        apply(conn, (NOTES_1, Migration("notes", 2, "unsound", sql), TAGS_1))
    assert not conn.in_transaction
    assert conn.execute("SELECT count(*) FROM schema_migrations").fetchone() == (2,)


def test_newest_three_copies_are_kept(conn: sqlite3.Connection, v1: Path) -> None:
    abandoned = v1.with_name("state.db.before-20250101T000000.000000Z.partial")
    abandoned.touch()
    steps = [NOTES_1, TAGS_1]
    kept: list[Path] = []
    for number in range(2, 7):
        steps.append(Migration("notes", number, "more", f"CREATE TABLE more_{number} (id);"))
        apply(conn, sorted(steps, key=lambda step: (step.feature, step.number)))
        kept = [*kept, snapshots(v1)[-1]]
    assert snapshots(v1) == kept[-3:]
    assert not abandoned.exists()


async def test_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    """S3.F-2: a damaged file gives a typed error that names the next step."""
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database, just a text of some length\n" * 100)
    with pytest.raises(StoreCorrupt, match=r"state\.db is damaged; restore a backup"):
        await Database.open(path, V1)
    assert path.read_bytes().startswith(b"not a database")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The schema folder of an importable feature package."""
    schema = tmp_path / "sample_feature" / "schema"
    schema.mkdir(parents=True)
    (schema.parent / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "sample_feature", raising=False)
    return schema


def test_migrations_are_loaded_in_order(package: Path) -> None:
    (package / "002_add_kind.sql").write_text("SELECT 2;")
    (package / "001_notes.sql").write_text("SELECT 1;")
    (package / "README.md").touch()
    assert load_migrations("notes", "sample_feature") == (
        Migration("notes", 1, "notes", "SELECT 1;"),
        Migration("notes", 2, "add_kind", "SELECT 2;"),
    )


def test_missing_schema_folder_is_refused(package: Path) -> None:
    package.rmdir()
    with pytest.raises(SchemaGap, match="sample_feature/schema: no such folder"):
        load_migrations("notes", "sample_feature")


@pytest.mark.parametrize(
    "names", [["002_late.sql"], ["001_a.sql", "001_b.sql"], ["1_short.sql"], ["001_A.sql"]]
)
def test_misnumbered_and_misnamed_files_are_refused(package: Path, names: list[str]) -> None:
    for name in names:
        (package / name).touch()
    with pytest.raises(SchemaGap):
        load_migrations("notes", "sample_feature")
