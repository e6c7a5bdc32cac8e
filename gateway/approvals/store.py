"""SQL of approvals."""

from typing import Any, Final

import msgspec

from gateway.approvals.binding import Binding
from gateway.approvals.model import Ending, StoredApproval
from gateway.kernel.store.connection import Tx
from protocol.nouns.approval import ApprovalKind, Resolver

_SELECT: Final = (
    "SELECT id, kind, status, request, presentation, agent_id, session_key, created_ms, expires_ms, "
    "resolved_ms, decision, reason, resolver_kind, resolver_id, binding, requested_by, consumed_ms "
    "FROM approvals"
)


def insert(tx: Tx, approval: StoredApproval) -> None:
    """Add an approval, pending or already decided.

    Raises:
        sqlite3.IntegrityError: when the id is taken.
    """
    binding, resolver = approval.binding, approval.resolver
    tx.execute(
        "INSERT INTO approvals (id, kind, status, request, presentation, agent_id, session_key, created_ms, "
        "expires_ms, resolved_ms, decision, reason, resolver_kind, resolver_id, binding, digest, "
        "requested_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            approval.id,
            approval.kind,
            approval.status,
            approval.request,
            approval.presentation,
            approval.agent_id,
            approval.session_key,
            approval.created_ms,
            approval.expires_ms,
            approval.resolved_ms,
            approval.decision,
            approval.reason,
            None if resolver is None else resolver.kind,
            None if resolver is None else resolver.id,
            None if binding is None else msgspec.json.encode(binding),
            None if binding is None else binding.digest(),
            approval.requested_by,
        ),
    )


def find(tx: Tx, approval_id: str) -> StoredApproval | None:
    """One approval."""
    row = tx.execute(_SELECT + " WHERE id = ?", (approval_id,)).fetchone()
    return None if row is None else _row(row)


def reusable(tx: Tx, digest: str, requested_by: str | None, now_ms: int) -> StoredApproval | None:
    """The newest approval for exactly this that waits, or was allowed and not used yet."""
    row = tx.execute(
        _SELECT + " WHERE digest = ? AND requested_by IS ? AND consumed_ms IS NULL AND expires_ms > ? "
        "AND status IN ('pending', 'allowed') ORDER BY created_ms DESC, id DESC LIMIT 1",
        (digest, requested_by, now_ms),
    ).fetchone()
    return None if row is None else _row(row)


def end(tx: Tx, approval_id: str, ending: Ending, now_ms: int) -> bool:
    """End a pending approval; false when it had ended before, which is how the first answer wins."""
    changed = tx.execute(
        "UPDATE approvals SET status = ?, decision = ?, reason = ?, resolver_kind = ?, resolver_id = ?, "
        "resolved_ms = ? WHERE id = ? AND status = 'pending'",
        (
            ending.status,
            ending.decision,
            ending.reason,
            ending.resolver.kind,
            ending.resolver.id,
            now_ms,
            approval_id,
        ),
    )
    return changed.rowcount == 1


def consume(tx: Tx, approval_id: str, digest: str, now_ms: int) -> bool:
    """Use an allowed approval for what it is bound to; true for exactly one caller."""
    changed = tx.execute(
        "UPDATE approvals SET consumed_ms = ? WHERE id = ? AND digest = ? AND status = 'allowed' "
        "AND consumed_ms IS NULL AND expires_ms > ?",
        (now_ms, approval_id, digest, now_ms),
    )
    return changed.rowcount == 1


def pending(tx: Tx, kind: ApprovalKind | None = None) -> list[StoredApproval]:
    """Undecided approvals, oldest first."""
    rows = tx.execute(
        _SELECT + " WHERE status = 'pending' AND (? IS NULL OR kind = ?) ORDER BY created_ms, id",
        (kind, kind),
    )
    return [_row(row) for row in rows]


def pending_count(tx: Tx) -> int:
    """How many are undecided."""
    (count,) = tx.execute("SELECT count(*) FROM approvals WHERE status = 'pending'").fetchone()
    return int(count)


def decided(
    tx: Tx, kind: ApprovalKind | None, before: tuple[int, str] | None, limit: int
) -> list[StoredApproval]:
    """Decided approvals, newest first, after the given key."""
    resolved_ms, approval_id = before or (1 << 62, "")
    rows = tx.execute(
        _SELECT + " WHERE status <> 'pending' AND (? IS NULL OR kind = ?) "
        "AND (resolved_ms, id) < (?, ?) ORDER BY resolved_ms DESC, id DESC LIMIT ?",
        (kind, kind, resolved_ms, approval_id, limit),
    )
    return [_row(row) for row in rows]


def reap(tx: Tx, resolved_before_ms: int) -> int:
    """Forget approvals decided before; returns how many."""
    return tx.execute(
        "DELETE FROM approvals WHERE status <> 'pending' AND resolved_ms < ?", (resolved_before_ms,)
    ).rowcount


def _row(row: tuple[Any, ...]) -> StoredApproval:
    *columns, resolver_kind, resolver_id, binding, requested_by, consumed_ms = row
    names = StoredApproval.__struct_fields__[:12]
    resolver = None if resolver_kind is None else Resolver(kind=resolver_kind, id=resolver_id)
    return StoredApproval(
        **dict(zip(names, columns, strict=True)),
        resolver=resolver,
        binding=None if binding is None else msgspec.json.decode(binding, type=Binding),
        requested_by=requested_by,
        consumed_ms=consumed_ms,
    )
