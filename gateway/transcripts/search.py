"""SQL of the full-text search over transcripts."""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.kernel.store.db import Tx
from gateway.transcripts.model import SearchHit
from gateway.transcripts.text import decode_message

SNIPPET_WORDS: Final = 24
"""About two lines of a result list."""

MAX_TERMS: Final = 32
"""Each term costs an index lookup; nobody types more."""


def match_expression(query: str) -> str | None:
    """`query` as an FTS5 expression: every word must occur, the last one may be unfinished.

    `None` when the query has no word. Quoting makes every character of the person's text harmless.
    """
    words = ["".join(char for char in term if char != '"') for term in query.split()[:MAX_TERMS]]
    terms = [word for word in words if any(char.isalnum() for char in word)]
    if not terms:
        return None
    return " ".join(f'"{term}"' for term in terms) + "*"


def search(tx: Tx, expression: str, session_ids: Sequence[str] | None, limit: int) -> list[SearchHit]:
    """Matching messages of undeleted sessions, best first, later before earlier among equals."""
    within = ""
    values: list[object] = [SNIPPET_WORDS, expression]
    if session_ids is not None:
        within = " AND entry.session_id IN (SELECT value FROM json_each(?))"
        values.append(msgspec.json.encode(list(session_ids)).decode())
    rows = tx.execute(
        "SELECT entry.session_id, entry.id, entry.role, entry.message, entry.recorded_ms,"  # noqa: S608 - constant parts
        " -bm25(words) AS score, snippet(words, 0, '', '', '…', ?) FROM words"
        " JOIN entries AS entry ON entry.raw_seq = words.rowid"
        " JOIN transcripts ON transcripts.session_id = entry.session_id AND transcripts.deleted_ms IS NULL"
        f" WHERE words MATCH ?{within} ORDER BY score DESC, entry.raw_seq DESC LIMIT ?",
        (*values, limit),
    )
    return [
        SearchHit(
            session_id=session_id,
            message_id=message_id,
            role=role,
            timestamp=_timestamp(message, recorded_ms),
            snippet=snippet,
            score=score,
        )
        for session_id, message_id, role, message, recorded_ms, score, snippet in rows
    ]


def _timestamp(message: bytes, recorded_ms: int) -> int:
    said = decode_message(message).get("timestamp")
    return said if isinstance(said, int) else recorded_ms
