"""The ledger of work: what this node was asked to do, and how it ended, so that nothing is done twice.

A gateway that crashed or lost the line may hand out the same work again, and so may a person who asks again
with the same key. Work is written here before it begins and its outcome before it is reported; what began and
has no outcome after a restart of the node is reported as interrupted: nobody can know how far it came.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from device_node.failure import NodeError

KEPT_MS: Final = 8 * 86_400_000
"""A gateway keeps work for a node at most seven days; after that it cannot come again."""

KEY_LIFE_MS: Final = 86_400_000
"""How long an idempotency key stands for the same work."""

MAX_ROWS: Final = 10_000
"""Beyond this the oldest finished work is forgotten early."""

MAX_RESULT_BYTES: Final = 2 * 1024 * 1024
"""Longest result that is kept for another answer; two streams of 200 000 escaped bytes fit."""

MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024
"""Results that are kept all together."""

ISSUED_ANEW: Final = frozenset({"runId"})
"""Parameters of `system.run` that differ between two askings for the same. Observed at OpenClaw 2026.9.6."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS work (
    id TEXT PRIMARY KEY,
    gateway TEXT NOT NULL,
    match_key BLOB,
    command TEXT NOT NULL,
    params BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'started', 'done')),
    payload BLOB,
    error_code TEXT,
    error_message TEXT,
    reported INTEGER NOT NULL DEFAULT 0,
    received_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS work_by_key ON work (match_key) WHERE match_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS work_open ON work (state, reported) WHERE reported = 0;
CREATE INDEX IF NOT EXISTS work_by_age ON work (received_ms);
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: its result as JSON, or why there is none."""

    payload: bytes | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.error_code is None


INTERRUPTED: Final = Outcome(
    error_code="INTERRUPTED",
    error_message="the node stopped while doing it; look at the device before asking again",
)

NOT_KEPT: Final = Outcome(
    error_code="RESULT_NOT_KEPT", error_message="it was done before; its result was too large to keep"
)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work as it came."""

    id: str
    gateway: str
    command: str
    params: bytes
    idempotency_key: str | None = None
    session_key: str | None = None

    @property
    def match_key(self) -> bytes | None:
        """What must be equal for two askings with a key to be the same work."""
        if self.idempotency_key is None:
            return None
        parts = (self.gateway, self.idempotency_key, self.session_key or "", self.command)
        return hashlib.sha256(msgspec.json.encode(parts) + _comparable(self.params)).digest()


def _comparable(params: bytes) -> bytes:
    """Parameters without what a gateway adds anew each time it asks."""
    try:
        members = msgspec.json.decode(params, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return params
    for name in ISSUED_ANEW:
        members.pop(name, None)
    return msgspec.json.encode(members, order="sorted")


class Ledger:
    """One SQLite file. Every change is on the disk when the call returns; one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            NodeError: when it is damaged or cannot be written.
        """
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5.0)
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")  # an answer to a gateway depends on each commit
            self._db.execute("PRAGMA cache_size=-512")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise NodeError(
                f"the ledger of work {path} cannot be used: {error}",
                "check the disk; if the file is damaged, remove it while no work is under way",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def receive(self, work: Work, now_ms: int) -> bool:
        """Write work down that is to be done later; false when it was there before."""
        return self._add(work, "received", now_ms)

    def start(self, work: Work, now_ms: int) -> "Outcome | None":
        """Write down that work begins, unless it, or the same under its key, was begun before.

        Returns:
            None when it may begin; else how it ended before (`INTERRUPTED` when it did not end).
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            known = self._find(work, now_ms)
            if known is None:
                self._insert(work, "started", now_ms)
            elif known == (work.id, "received"):
                self._db.execute("UPDATE work SET state = 'started' WHERE id = ?", (work.id,))
                known = None
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return self.outcome(known[0]) or INTERRUPTED if known is not None else None

    def finish(self, work_id: str, outcome: Outcome) -> None:
        """Write down how work ended. A result too large to keep is replaced by a note that it was done."""
        kept = outcome
        if outcome.payload is not None and len(outcome.payload) > MAX_RESULT_BYTES:
            kept = NOT_KEPT
        self._db.execute(
            "UPDATE work SET state = 'done', payload = ?, error_code = ?, error_message = ? WHERE id = ?",
            (kept.payload, kept.error_code, kept.error_message, work_id),
        )

    def call_off(self, work_id: str, outcome: Outcome) -> bool:
        """Work that was received and not begun ends with `outcome`; false when there is none."""
        return bool(
            self._db.execute(
                "UPDATE work SET state = 'done', error_code = ?, error_message = ?"
                " WHERE id = ? AND state = 'received'",
                (outcome.error_code, outcome.error_message, work_id),
            ).rowcount
        )

    def give_back(self, work_id: str) -> None:
        """Forget work that was received and not begun: the gateway keeps it."""
        self._db.execute("DELETE FROM work WHERE id = ? AND state = 'received'", (work_id,))

    def reported(self, work_id: str) -> None:
        """Write down that the gateway took the result."""
        self._db.execute("UPDATE work SET reported = 1, params = x'' WHERE id = ?", (work_id,))

    def outcome(self, work_id: str) -> Outcome | None:
        """How work ended; None while it has not."""
        row = self._db.execute(
            "SELECT payload, error_code, error_message FROM work WHERE id = ? AND state = 'done'", (work_id,)
        ).fetchone()
        return Outcome(payload=row[0], error_code=row[1], error_message=row[2]) if row is not None else None

    def unreported(self, gateway: str) -> Iterator[tuple[str, Outcome]]:
        """Results a gateway has not taken yet, oldest first."""
        rows = self._db.execute(
            "SELECT id, payload, error_code, error_message FROM work"
            " WHERE state = 'done' AND reported = 0 AND gateway = ? ORDER BY received_ms, rowid",
            (gateway,),
        ).fetchall()
        for work_id, payload, code, message in rows:
            yield work_id, Outcome(payload=payload, error_code=code, error_message=message)

    def waiting(self, gateway: str) -> list[Work]:
        """Work that was received and not begun, oldest first."""
        rows = self._db.execute(
            "SELECT id, gateway, command, params FROM work WHERE state = 'received' AND gateway = ?"
            " ORDER BY received_ms, rowid",
            (gateway,),
        ).fetchall()
        return [Work(id=row[0], gateway=row[1], command=row[2], params=row[3]) for row in rows]

    def close_interrupted(self) -> int:
        """At a start of the node: what had begun and did not end was interrupted; how many there were."""
        return self._db.execute(
            "UPDATE work SET state = 'done', error_code = ?, error_message = ? WHERE state = 'started'",
            (INTERRUPTED.error_code, INTERRUPTED.error_message),
        ).rowcount

    def reap(self, now_ms: int) -> int:
        """Forget what cannot come again, and the oldest work beyond the bounds; how many rows went."""
        gone = self._db.execute(
            "DELETE FROM work WHERE received_ms < ? AND state != 'started'", (now_ms - KEPT_MS,)
        ).rowcount
        gone += self._db.execute(
            "DELETE FROM work WHERE state = 'done' AND rowid IN"
            " (SELECT rowid FROM work ORDER BY received_ms DESC, rowid DESC LIMIT -1 OFFSET ?)",
            (MAX_ROWS,),
        ).rowcount
        gone += self._db.execute(
            "DELETE FROM work WHERE state = 'done' AND rowid IN (SELECT rowid FROM (SELECT rowid,"
            " sum(coalesce(length(payload), 0)) OVER (ORDER BY received_ms DESC, rowid DESC) AS total"
            " FROM work) WHERE total > ?)",
            (MAX_TOTAL_BYTES,),
        ).rowcount
        return gone

    def _find(self, work: Work, now_ms: int) -> tuple[str, str] | None:
        """Id and state of work that is the same."""
        row = self._db.execute("SELECT id, state FROM work WHERE id = ?", (work.id,)).fetchone()
        if row is None and work.match_key is not None:
            row = self._db.execute(
                "SELECT id, state FROM work WHERE match_key = ? AND received_ms > ? LIMIT 1",
                (work.match_key, now_ms - KEY_LIFE_MS),
            ).fetchone()
        return (row[0], row[1]) if row is not None else None

    def _add(self, work: Work, state: str, now_ms: int) -> bool:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            fresh = self._find(work, now_ms) is None
            if fresh:
                self._insert(work, state, now_ms)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return fresh

    def _insert(self, work: Work, state: str, now_ms: int) -> None:
        self._db.execute(
            "INSERT INTO work (id, gateway, match_key, command, params, state, received_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (work.id, work.gateway, work.match_key, work.command, work.params, state, now_ms),
        )
