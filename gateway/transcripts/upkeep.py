"""SQL for deleting, erasing and measuring transcripts."""

from typing import Final

from gateway.kernel.store.db import Tx
from gateway.transcripts.model import Extent, TranscriptStats

ERASED_AT_ONCE: Final = 2_000
"""Entries erased in one unit of work: a few milliseconds, so that chats beside it do not wait."""


def mark_deleted(tx: Tx, session_id: str, now_ms: int) -> bool:
    """Hide a transcript from everything but erasing. False when there is none or it is hidden already."""
    changed = tx.execute(
        "UPDATE transcripts SET deleted_ms = ? WHERE session_id = ? AND deleted_ms IS NULL",
        (now_ms, session_id),
    )
    return changed.rowcount == 1


def erase(tx: Tx, before_ms: int) -> tuple[int, bool]:
    """Erase some of what was deleted before a moment: transcripts gone, and whether more remains."""
    row = tx.execute(
        "SELECT session_id FROM transcripts WHERE deleted_ms < ? ORDER BY deleted_ms LIMIT 1", (before_ms,)
    ).fetchone()
    if row is None:
        return 0, False
    (session_id,) = row
    doomed = [
        raw_seq
        for (raw_seq,) in tx.execute(
            "SELECT raw_seq FROM entries WHERE session_id = ? LIMIT ?", (session_id, ERASED_AT_ONCE)
        )
    ]
    tx.executemany("DELETE FROM words WHERE rowid = ?", ((raw_seq,) for raw_seq in doomed))
    tx.executemany("DELETE FROM entries WHERE raw_seq = ?", ((raw_seq,) for raw_seq in doomed))
    if len(doomed) == ERASED_AT_ONCE:
        return 0, True
    tx.execute("DELETE FROM compactions WHERE session_id = ?", (session_id,))
    tx.execute("DELETE FROM transcripts WHERE session_id = ?", (session_id,))
    return 1, True


def extent(tx: Tx, session_id: str) -> Extent:
    """Size of one transcript; zero when there is none."""
    row = tx.execute(
        "SELECT entries, stored_bytes FROM transcripts WHERE session_id = ? AND deleted_ms IS NULL",
        (session_id,),
    ).fetchone()
    return Extent(entries=0, stored_bytes=0) if row is None else Extent(entries=row[0], stored_bytes=row[1])


def stats(tx: Tx) -> TranscriptStats:
    """Totals over all transcripts."""
    (sessions, entries, stored_bytes, deleted) = tx.execute(
        "SELECT count(*), coalesce(sum(entries), 0), coalesce(sum(stored_bytes), 0),"
        " count(deleted_ms) FROM transcripts"
    ).fetchone()
    return TranscriptStats(
        sessions=sessions - deleted, entries=entries, stored_bytes=stored_bytes, deleted_sessions=deleted
    )
