"""SQL of questions."""

import msgspec

from gateway.kernel.store.connection import Tx
from protocol.nouns.question import QuestionRecord

_decode = msgspec.json.Decoder(QuestionRecord).decode


def insert(tx: Tx, record: QuestionRecord) -> None:
    """Add a pending question.

    Raises:
        sqlite3.IntegrityError: when the id is taken.
    """
    tx.execute(
        "INSERT INTO questions VALUES (?, ?, ?, ?, ?)",
        (
            record.id,
            record.status,
            msgspec.json.encode(record),
            record.created_at_ms,
            record.expires_at_ms,
        ),
    )


def find(tx: Tx, question_id: str) -> QuestionRecord | None:
    """One record."""
    row = tx.execute("SELECT record FROM questions WHERE id = ?", (question_id,)).fetchone()
    return None if row is None else _decode(row[0])


def settle(tx: Tx, record: QuestionRecord) -> bool:
    """Replace a pending record by a settled one; false when it was settled before."""
    changed = tx.execute(
        "UPDATE questions SET status = ?, record = ? WHERE id = ? AND status = 'pending'",
        (record.status, msgspec.json.encode(record), record.id),
    )
    return changed.rowcount == 1


def pending(tx: Tx) -> list[QuestionRecord]:
    """Questions that wait, oldest first."""
    rows = tx.execute("SELECT record FROM questions WHERE status = 'pending' ORDER BY created_ms, id")
    return [_decode(row[0]) for row in rows]


def reap(tx: Tx, created_before_ms: int) -> int:
    """Forget settled questions asked before; returns how many."""
    return tx.execute(
        "DELETE FROM questions WHERE status <> 'pending' AND created_ms < ?", (created_before_ms,)
    ).rowcount
