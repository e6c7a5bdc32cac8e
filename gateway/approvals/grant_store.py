"""SQL of permissions for good, and of the gateway's own rules about programs."""

from typing import Any, Final

import msgspec

from gateway.approvals.binding import Binding
from gateway.approvals.model import StoredGrant
from gateway.kernel.store.connection import Tx
from protocol.nouns.exec_rules import ExecRules

_SELECT: Final = (
    "SELECT id, approval_id, digest, binding, command, created_ms, expires_ms, revoked_ms, revoked_by, "
    "last_used_ms, use_count FROM approval_grants"
)


def insert(tx: Tx, grant: StoredGrant) -> None:
    """Add a grant."""
    tx.execute(
        "INSERT INTO approval_grants (id, approval_id, digest, binding, command, created_ms, expires_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            grant.id,
            grant.approval_id,
            grant.digest,
            msgspec.json.encode(grant.binding),
            grant.command,
            grant.created_ms,
            grant.expires_ms,
        ),
    )


def covering(tx: Tx, digest: str, now_ms: int) -> StoredGrant | None:
    """A grant in force that covers this."""
    row = tx.execute(
        _SELECT + " WHERE digest = ? AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?) "
        "ORDER BY created_ms LIMIT 1",
        (digest, now_ms),
    ).fetchone()
    return None if row is None else _row(row)


def used(tx: Tx, grant_id: str, now_ms: int) -> bool:
    """Count a use; false when the grant is no longer in force."""
    changed = tx.execute(
        "UPDATE approval_grants SET last_used_ms = ?, use_count = use_count + 1 WHERE id = ? "
        "AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)",
        (now_ms, grant_id, now_ms),
    )
    return changed.rowcount == 1


def newest(tx: Tx, limit: int) -> list[StoredGrant]:
    """Grants, newest first, whatever their state."""
    rows = tx.execute(_SELECT + " ORDER BY created_ms DESC, id DESC LIMIT ?", (limit,))
    return [_row(row) for row in rows]


def find(tx: Tx, grant_id: str) -> StoredGrant | None:
    """One grant."""
    row = tx.execute(_SELECT + " WHERE id = ?", (grant_id,)).fetchone()
    return None if row is None else _row(row)


def revoke(tx: Tx, grant_id: str, by: str, now_ms: int) -> bool:
    """Take a grant back; false when it was before."""
    changed = tx.execute(
        "UPDATE approval_grants SET revoked_ms = ?, revoked_by = ? WHERE id = ? AND revoked_ms IS NULL",
        (now_ms, by, grant_id),
    )
    return changed.rowcount == 1


def reap(tx: Tx, before_ms: int) -> int:
    """Forget grants that ended before; returns how many."""
    return tx.execute(
        "DELETE FROM approval_grants WHERE revoked_ms < ? OR expires_ms < ?", (before_ms, before_ms)
    ).rowcount


def rules(tx: Tx) -> ExecRules | None:
    """The rules about programs, if there ever were any."""
    row = tx.execute("SELECT file FROM exec_rules").fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=ExecRules)


def save_rules(tx: Tx, file: ExecRules, now_ms: int) -> None:
    """Replace the rules about programs."""
    tx.execute(
        "INSERT INTO exec_rules (only, file, changed_ms) VALUES (1, ?, ?) "
        "ON CONFLICT (only) DO UPDATE SET file = excluded.file, changed_ms = excluded.changed_ms",
        (msgspec.json.encode(file), now_ms),
    )


def _row(row: tuple[Any, ...]) -> StoredGrant:
    fields = dict(zip(StoredGrant.__struct_fields__, row, strict=True))
    fields["binding"] = msgspec.json.decode(fields["binding"], type=Binding)
    return StoredGrant(**fields)
