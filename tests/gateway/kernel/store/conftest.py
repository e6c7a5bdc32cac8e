"""A database of one table, and the means to line units up behind a busy writer."""

import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.kernel.store.commit import MAX_BATCH_S
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.migrate import Migration

ITEMS = Migration(
    "items", 1, "items", "CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB NOT NULL DEFAULT '');"
)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database with an empty table `item(id, body)`."""
    database = await Database.open(tmp_path / "state.db", [ITEMS])
    yield database
    await database.close()


def insert(item_id: int, body: bytes = b"") -> Callable[[Tx], int]:
    """A unit that inserts one item and returns its id."""

    def unit(tx: Tx) -> int:
        tx.execute("INSERT INTO item VALUES (?, ?)", (item_id, body))
        return item_id

    return unit


def ids(tx: Tx) -> list[int]:
    """A query for every id."""
    return [row[0] for row in tx.execute("SELECT id FROM item ORDER BY id")]


class Gate:
    """A unit that occupies the writer's thread until opened; units queued behind it share one batch."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.entered = threading.Event()

    def unit(self, _tx: Tx) -> None:
        """Wait for `open`, and for longer than a batch may take, so that the batch ends here."""
        self.entered.set()
        if not self._opened.wait(timeout=10):
            raise TimeoutError("the gate was never opened")
        time.sleep(MAX_BATCH_S * 1.5)

    def open(self) -> None:
        """Let the writer go on."""
        self._opened.set()
