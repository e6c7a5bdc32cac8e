"""Answers that must not be worked out twice, kept per (caller, method, key).

A service looks its key up before it acts and records the answer in the same unit as the effect, so that after
a crash either both are there or neither.
"""

from typing import Final

from gateway.kernel.store.connection import Tx

KEEP_MS: Final = 7 * 24 * 3600 * 1000
"""Clients retry for minutes; a week also covers a laptop that slept over a holiday weekend."""


def find(tx: Tx, actor: str, method: str, key: str) -> bytes | None:
    """The recorded answer, as encoded JSON."""
    row = tx.execute(
        "SELECT result FROM idempotency WHERE actor = ? AND method = ? AND key = ?", (actor, method, key)
    ).fetchone()
    return None if row is None else bytes(row[0])


def record(tx: Tx, actor: str, method: str, key: str, *, result: bytes, now_ms: int) -> None:
    """Keep an answer.

    Raises:
        sqlite3.IntegrityError: when the key has an answer already.
    """
    tx.execute(
        "INSERT INTO idempotency (actor, method, key, result, created_ms) VALUES (?, ?, ?, ?, ?)",
        (actor, method, key, result, now_ms),
    )


def reap(tx: Tx, now_ms: int) -> int:
    """Forget answers older than `KEEP_MS`; returns how many."""
    return tx.execute("DELETE FROM idempotency WHERE created_ms < ?", (now_ms - KEEP_MS,)).rowcount
