"""Homarus only: saving everything while the gateway runs, and the state of its databases."""

from protocol.method import Call, Wire, method
from protocol.scopes import Scope


class BackupMade(Wire):
    """A finished backup, on the gateway's machine."""

    path: str
    """A tar file only the gateway's user can read. Whoever asked for it moves it away."""
    size: int
    """In bytes."""
    files: int
    created_at_ms: int
    skipped: list[str]
    """Links and special files, relative to the home; a backup holds plain files only."""


@method("backup.create", Scope.ADMIN, additive=True)
class BackupCreate(Call[BackupMade], forbid_unknown_fields=True):
    """Save databases, settings, keys and files while everything goes on.

    Each database is saved as it was at one commit, at or after the call. Logs are left out.

    Errors: ``UNAVAILABLE`` (retryable) while another backup is being made, and when the disk is full.
    """


class AppliedMigration(Wire):
    """The newest change of one feature's tables."""

    feature: str
    number: int
    name: str
    applied_at_ms: int


class DatabaseStatus(Wire):
    """One database file."""

    name: str
    """`state`, `transcripts`, `memory` or `audit`."""
    file_bytes: int
    wal_bytes: int
    """Size of the write-ahead log beside it."""
    migrations: list[AppliedMigration]
    """The newest of each feature."""


class DatabasesStatusResult(Wire):
    """Every open database."""

    databases: list[DatabaseStatus]


@method("databases.status", Scope.ADMIN, additive=True)
class DatabasesStatus(Call[DatabasesStatusResult], forbid_unknown_fields=True):
    """Which migrations the databases have, and how large they are."""
