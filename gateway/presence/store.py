"""SQL of notes and of the heartbeat state."""

from typing import Any

import msgspec

from gateway.kernel.store.db import Tx
from gateway.presence.model import WakeMode, WakeNote
from protocol.nouns.presence import HeartbeatReport


def leave_note(tx: Tx, note: WakeNote) -> None:
    """Store a note."""
    tx.execute(
        "INSERT INTO wake_notes (note_id, text, mode, session_key, agent_id, left_by, left_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (note.note_id, note.text, note.mode, note.session_key, note.agent_id, note.left_by, note.left_ms),
    )


def count_notes(tx: Tx) -> int:
    """How many notes wait."""
    (count,) = tx.execute("SELECT count(*) FROM wake_notes").fetchone()
    return int(count)


def waiting_notes(tx: Tx, limit: int) -> list[WakeNote]:
    """Notes that wait, oldest first."""
    rows = tx.execute(
        "SELECT note_id, text, mode, session_key, agent_id, left_by, left_ms FROM wake_notes "
        "ORDER BY left_ms, note_id LIMIT ?",
        (limit,),
    )
    return [_note(row) for row in rows]


def take_note(tx: Tx, note_id: str) -> bool:
    """Take a note, in the unit that acts on it; False when somebody else did."""
    return tx.execute("DELETE FROM wake_notes WHERE note_id = ?", (note_id,)).rowcount == 1


def heartbeat_state(tx: Tx) -> tuple[bool, HeartbeatReport | None]:
    """Whether heartbeats are on, and the newest report."""
    enabled, report = tx.execute("SELECT enabled, last_report FROM heartbeat_state").fetchone()
    return bool(enabled), msgspec.json.decode(report, type=HeartbeatReport) if report is not None else None


def set_heartbeats(tx: Tx, *, enabled: bool) -> None:
    """Store the setting."""
    tx.execute("UPDATE heartbeat_state SET enabled = ?", (int(enabled),))


def save_report(tx: Tx, report: HeartbeatReport) -> None:
    """Store the newest report."""
    tx.execute("UPDATE heartbeat_state SET last_report = ?", (msgspec.json.encode(report).decode(),))


def _note(row: tuple[Any, ...]) -> WakeNote:
    note_id, text, mode, session_key, agent_id, left_by, left_ms = row
    return WakeNote(
        note_id=note_id,
        text=text,
        mode=msgspec.convert(mode, WakeMode),
        session_key=session_key,
        agent_id=agent_id,
        left_by=left_by,
        left_ms=left_ms,
    )
