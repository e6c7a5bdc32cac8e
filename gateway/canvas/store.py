"""SQL of the canvas."""

from collections.abc import Iterable

import msgspec

from gateway.kernel.store.connection import Tx
from protocol.a2ui.surfaces import Surface

_decode = msgspec.json.Decoder(Surface).decode


def surfaces(tx: Tx, session_key: str) -> list[Surface]:
    """Of one session, the oldest first."""
    rows = tx.execute(
        "SELECT surface FROM canvas_surfaces WHERE session_key = ? ORDER BY position", (session_key,)
    )
    return [_decode(row[0]) for row in rows]


def save(
    tx: Tx, session_key: str, drawn: Iterable[tuple[int, Surface]], gone: Iterable[str], now_ms: int
) -> None:
    """Store changed surfaces with their positions, and remove others."""
    for position, surface in drawn:
        tx.execute(
            "INSERT OR REPLACE INTO canvas_surfaces VALUES (?, ?, ?, ?, ?)",
            (session_key, surface.id, msgspec.json.encode(surface), position, now_ms),
        )
    for surface_id in gone:
        tx.execute(
            "DELETE FROM canvas_surfaces WHERE session_key = ? AND surface_id = ?", (session_key, surface_id)
        )


def trim(tx: Tx, keep: int) -> None:
    """Keep the surfaces drawn last."""
    tx.execute(
        "DELETE FROM canvas_surfaces WHERE rowid NOT IN "
        "(SELECT rowid FROM canvas_surfaces ORDER BY updated_ms DESC LIMIT ?)",
        (keep,),
    )


def screens(tx: Tx) -> dict[str, str]:
    """Session by node."""
    return {row[0]: row[1] for row in tx.execute("SELECT node_id, session_key FROM canvas_screens")}


def show(tx: Tx, node_id: str, session_key: str) -> None:
    """A node shows a session from now on."""
    tx.execute("INSERT OR REPLACE INTO canvas_screens VALUES (?, ?)", (node_id, session_key))
