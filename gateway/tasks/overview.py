"""Background work in numbers, for `status`."""

from typing import Final

from gateway.kernel.store.db import Database, Tx
from gateway.operations.facts import TaskFacts

_COUNTS: Final = "SELECT status, kind, count(*) FROM tasks GROUP BY status, kind"

_WORDS: Final = {"completed": "succeeded"}
"""The overview's word where it differs from the ledger's. Observed in `status` of OpenClaw 2026.9.6."""


class TaskOverview:
    """Counts the ledger when asked."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def facts(self) -> TaskFacts:
        """What `operations` asks for."""

        def count(tx: Tx) -> list[tuple[str, str, int]]:
            return tx.execute(_COUNTS).fetchall()

        by_status: dict[str, int] = {}
        by_runtime: dict[str, int] = {}
        for status, kind, number in await self._db.read(count):
            word = _WORDS.get(status, status)
            by_status[word] = by_status.get(word, 0) + number
            by_runtime[kind] = by_runtime.get(kind, 0) + number
        return TaskFacts(by_status=by_status, by_runtime=by_runtime)
