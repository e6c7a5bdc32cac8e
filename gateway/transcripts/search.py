"""SQL of the full-text search over transcripts."""

from collections.abc import Sequence
from typing import Final

from gateway.kernel.store.db import Tx
from gateway.transcripts.model import SearchHit
from gateway.transcripts.text import decode_message

SNIPPET_WORDS: Final = 24
"""About two lines of a result list."""

_RANKED: Final = "SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank"

_FOUND: Final = """
    SELECT entry.session_id, entry.id, entry.role, entry.message, entry.recorded_ms FROM entries AS entry
        JOIN transcripts ON transcripts.session_id = entry.session_id AND transcripts.deleted_ms IS NULL
        WHERE entry.raw_seq = ?
"""

_SNIPPET: Final = "SELECT snippet(words, 0, '', '', '…', ?) FROM words WHERE words MATCH ? AND rowid = ?"

MAX_TERMS: Final = 32
"""Each term costs an index lookup; nobody types more."""


def match_expression(query: str) -> str | None:
    """`query` as an FTS5 expression: every word must occur, the last one may be unfinished.

    `None` when the query has no word. Quoting makes every character of the person's text harmless.
    """
    # A NUL would end the expression early, inside its quotes.
    words = ["".join(char for char in term if char not in '"\0') for term in query.split()[:MAX_TERMS]]
    terms = [word for word in words if any(char.isalnum() for char in word)]
    if not terms:
        return None
    return " ".join(f'"{term}"' for term in terms) + "*"


def search(tx: Tx, expression: str, session_ids: Sequence[str] | None, limit: int) -> list[SearchHit]:
    """Matching messages of undeleted sessions, best first."""
    wanted = None if session_ids is None else frozenset(session_ids)
    hits: list[SearchHit] = []
    # Ranked first and looked up one by one: most words match far more messages than a list shows.
    for raw_seq, rank in tx.execute(_RANKED, (expression,)):
        if len(hits) == limit:
            break
        row = tx.execute(_FOUND, (raw_seq,)).fetchone()
        if row is None or (wanted is not None and row[0] not in wanted):
            continue
        (snippet,) = tx.execute(_SNIPPET, (SNIPPET_WORDS, expression, raw_seq)).fetchone()
        session_id, message_id, role, message, recorded_ms = row
        hits.append(
            SearchHit(
                session_id=session_id,
                message_id=message_id,
                role=role,
                timestamp=_timestamp(message, recorded_ms),
                snippet=snippet,
                score=-rank,
            )
        )
    return hits


def _timestamp(message: bytes, recorded_ms: int) -> int:
    said = decode_message(message).get("timestamp")
    return said if isinstance(said, int) else recorded_ms
