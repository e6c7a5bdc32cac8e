"""SQL of the memory. Every function is one unit, or a part of one."""

from typing import Final

from gateway.kernel.store.db import Tx
from gateway.memory.model import MAX_PER_AGENT, Memory, MemoryFull, Recollection, words

MAX_QUERY_WORDS: Final = 16
"""Enough for a sentence; each further word makes the search slower and not better."""

_COMMON: Final = frozenset(
    words(
        "a about an and are at be but by can could did do does for from had has have how i if in is it its "
        "me my of on or our that the their them there they this to was we were what when where which who "
        "whose why will with would you your"
    )
)
"""Words of questions rather than of their subject; they are left out unless nothing else is asked for."""

_COLUMNS: Final = "m.id, m.agent_id, m.text, m.session_key, m.actor, m.created_ms, m.updated_ms"


def remember(tx: Tx, new: Memory) -> tuple[Memory, bool]:
    """Keep `new`, whose id does not matter; what is known already only gets its wording and date.

    The flag is true for something that was not known.

    Raises:
        MemoryFull: when the agent keeps `MAX_PER_AGENT` memories.
    """
    fingerprint = " ".join(words(new.text))
    known = tx.execute(
        "UPDATE memories SET text = ?, updated_ms = ? WHERE agent_id = ? AND fingerprint = ? RETURNING id",
        (new.text, new.updated_ms, new.agent_id, fingerprint),
    ).fetchone()
    (memory_id,) = known or _insert(tx, new, fingerprint)
    row = tx.execute(f"SELECT {_COLUMNS} FROM memories m WHERE m.id = ?", (memory_id,)).fetchone()  # noqa: S608
    return Memory(*row), known is None


def count(tx: Tx, agent_id: str) -> int:
    """How many memories an agent keeps."""
    (number,) = tx.execute("SELECT count(*) FROM memories WHERE agent_id = ?", (agent_id,)).fetchone()
    return int(number)


def recent(tx: Tx, agent_id: str, limit: int) -> list[Memory]:
    """The memories spoken of last, newest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM memories m WHERE m.agent_id = ?"  # noqa: S608
        " ORDER BY m.updated_ms DESC, m.id DESC LIMIT ?",
        (agent_id, limit),
    )
    return [Memory(*row) for row in rows]


def search(tx: Tx, agent_id: str, query: str, limit: int) -> list[Recollection]:
    """Memories with all words of `query`, else with any, else with the query as it stands; best first."""
    asked = words(query)
    wanted = [word for word in asked if word not in _COMMON][:MAX_QUERY_WORDS] or asked[:MAX_QUERY_WORDS]
    if not wanted:
        return []
    terms = [f'"{word}"*' for word in wanted]
    for expression in (" AND ".join(terms), " OR ".join(terms)):
        if found := _match(tx, agent_id, expression, limit):
            return found
    return _containing(tx, agent_id, query, limit)


def forget(tx: Tx, agent_id: str, memory_id: int) -> Memory | None:
    """Delete one memory and return it; None when there is no such one."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM memories m WHERE m.agent_id = ? AND m.id = ?",  # noqa: S608
        (agent_id, memory_id),
    ).fetchone()
    if row is None:
        return None
    tx.execute("DELETE FROM memories WHERE id = ?", (memory_id,))
    return Memory(*row)


def forget_agent(tx: Tx, agent_id: str) -> int:
    """Delete everything an agent keeps; returns how many memories that were."""
    return tx.execute("DELETE FROM memories WHERE agent_id = ?", (agent_id,)).rowcount


def _insert(tx: Tx, new: Memory, fingerprint: str) -> tuple[int]:
    if count(tx, new.agent_id) >= MAX_PER_AGENT:
        raise MemoryFull(f"{MAX_PER_AGENT} memories are kept; forget some first")
    return tx.execute(
        "INSERT INTO memories (agent_id, text, fingerprint, session_key, actor, created_ms, updated_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            new.agent_id,
            new.text,
            fingerprint,
            new.session_key,
            new.actor,
            new.created_ms,
            new.updated_ms,
        ),
    ).fetchone()


def _match(tx: Tx, agent_id: str, expression: str, limit: int) -> list[Recollection]:
    rows = tx.execute(
        f"SELECT {_COLUMNS}, bm25(memories_fts) FROM memories_fts"  # noqa: S608
        " JOIN memories m ON m.id = memories_fts.rowid"
        " WHERE memories_fts MATCH ? AND m.agent_id = ?"
        " ORDER BY bm25(memories_fts), m.updated_ms DESC LIMIT ?",
        (expression, agent_id, limit),
    )
    return [Recollection(Memory(*row[:-1]), _score(row[-1])) for row in rows]


def _containing(tx: Tx, agent_id: str, query: str, limit: int) -> list[Recollection]:
    """For scripts without spaces between words, which the tokenizer cannot split."""
    escaped = query.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM memories m WHERE m.agent_id = ? AND m.text LIKE ? ESCAPE '\\'"  # noqa: S608
        " ORDER BY m.updated_ms DESC LIMIT ?",
        (agent_id, f"%{escaped}%", limit),
    )
    return [Recollection(Memory(*row), 0.5) for row in rows]


def _score(bm25: float) -> float:
    """SQLite's bm25 is better the more negative it is; this maps it to 0..1."""
    strength = max(0.0, -bm25)
    return strength / (1.0 + strength)
