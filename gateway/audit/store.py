"""SQL of the notes of where the chain ended."""

import msgspec

from gateway.kernel.audit.chain import Break, Head
from gateway.kernel.store.connection import Tx


class Note(msgspec.Struct, frozen=True):
    """One noted end."""

    head: Head
    seal: str
    noted_ms: int
    broken: Break | None = None
    """What was wrong with the chain when it was first held against this note."""


def replace(tx: Tx, note: Note) -> None:
    """Note a new end; the last one is of no more use, unless it was kept."""
    tx.execute("DELETE FROM audit_notes WHERE problem IS NULL")
    tx.execute(
        "INSERT INTO audit_notes (seq, hash, seal, noted_ms) VALUES (?, ?, ?, ?)",
        (note.head.seq, note.head.hash, note.seal, note.noted_ms),
    )


def keep(tx: Tx, broken: Break) -> None:
    """Never forget what is noted now: the chain does not bear it out."""
    tx.execute(
        "UPDATE audit_notes SET broken_seq = ?, problem = ? WHERE problem IS NULL",
        (broken.seq, broken.problem),
    )


def all_notes(tx: Tx) -> list[Note]:
    """Everything noted, oldest first."""
    rows = tx.execute(
        "SELECT seq, hash, seal, noted_ms, broken_seq, problem FROM audit_notes ORDER BY noted_ms, seq"
    )
    return [
        Note(Head(seq, digest), seal, noted_ms, None if problem is None else Break(broken_seq, problem))
        for seq, digest, seal, noted_ms, broken_seq, problem in rows
    ]
