"""SQL of suggested tasks."""

import msgspec

from gateway.kernel.store.connection import Tx
from protocol.nouns.suggestion import TaskSuggestion

_decode = msgspec.json.Decoder(TaskSuggestion).decode


def insert(tx: Tx, suggestion: TaskSuggestion) -> None:
    """Add a suggestion."""
    tx.execute(
        "INSERT INTO task_suggestions VALUES (?, ?, ?)",
        (suggestion.id, msgspec.json.encode(suggestion), suggestion.created_at),
    )


def every(tx: Tx) -> list[TaskSuggestion]:
    """All of them, newest first."""
    rows = tx.execute("SELECT suggestion FROM task_suggestions ORDER BY created_ms DESC, id")
    return [_decode(row[0]) for row in rows]


def find(tx: Tx, task_id: str) -> TaskSuggestion | None:
    """One suggestion."""
    row = tx.execute("SELECT suggestion FROM task_suggestions WHERE id = ?", (task_id,)).fetchone()
    return None if row is None else _decode(row[0])


def delete(tx: Tx, task_id: str) -> bool:
    """Remove one; false when somebody was faster."""
    return tx.execute("DELETE FROM task_suggestions WHERE id = ?", (task_id,)).rowcount == 1


def trim(tx: Tx, keep: int) -> list[str]:
    """Keep the newest ones; returns the ids of the others."""
    rows = tx.execute(
        "DELETE FROM task_suggestions WHERE id NOT IN "
        "(SELECT id FROM task_suggestions ORDER BY created_ms DESC, id LIMIT ?) RETURNING id",
        (keep,),
    )
    return [row[0] for row in rows.fetchall()]
