"""One owner per concept: every table belongs to one feature, and only that writes to it (row S0.G-4)."""

import re
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"
CREATED = re.compile(r"CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
WRITTEN = re.compile(r"\b(?:INTO|UPDATE|DELETE FROM)\s+(\w+)")


def owner_of(path: Path) -> str:
    """The feature a file belongs to; the kernel counts as one."""
    return path.relative_to(GATEWAY).parts[0]


def owners() -> dict[str, str]:
    """Feature by table, over all migrations."""
    found: dict[str, str] = {}
    for path in sorted(GATEWAY.rglob("schema/*.sql")):
        for table in CREATED.findall(path.read_text(encoding="utf-8")):
            assert found.setdefault(table, owner_of(path)) == owner_of(path), f"{table} has two owners"
    return found


def test_every_concept_has_one_table_and_one_owner() -> None:
    tables = owners()
    expected = {
        "devices": "devices",
        "sessions": "sessions",
        "inbox": "inbox",
        "runs": "chat",
        "tasks": "tasks",
        "approvals": "approvals",
        "cron_jobs": "cron",
    }
    assert {table: tables.get(table) for table in expected} == expected


def test_only_the_owner_of_a_table_writes_to_it() -> None:
    tables = owners()
    strays = [
        f"{path.relative_to(GATEWAY)}: {table} belongs to {tables[table]}"
        for path in sorted(GATEWAY.rglob("*.py"))
        for table in WRITTEN.findall(path.read_text(encoding="utf-8"))
        if table in tables and tables[table] != owner_of(path)
    ]
    assert strays == []
