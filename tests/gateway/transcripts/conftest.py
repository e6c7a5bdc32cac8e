"""Transcripts on a real file, with a clock that stands still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.transcripts.model import NewEntry, TranscriptSettings
from gateway.transcripts.service import Transcripts
from tests.support.clock import FakeClock

SESSION = "5a1c2f0e-0000-4000-8000-000000000001"

MIGRATIONS = load_migrations("transcripts", "gateway.transcripts")


def said(text: str, *, role: str = "user", key: str | None = None, parent: str | None = None) -> NewEntry:
    """An entry that answers the active leaf, or `parent`."""
    message = {"role": role, "content": text, "timestamp": 1_800_000_000_000}
    if parent is not None:
        return NewEntry(message=dict(message), idempotency_key=key, parent_id=parent)
    return NewEntry(message=dict(message), idempotency_key=key)


class Book:
    """A transcripts file that can be closed and opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.settings = TranscriptSettings()
        self.db: Database | None = None

    async def open(self) -> Transcripts:
        """Open the file, as a start of the gateway does."""
        await self.close()
        self.db = await Database.open(self.path, MIGRATIONS)
        return Transcripts(self.db, self.clock, lambda: self.settings)

    async def close(self) -> None:
        """Close the file."""
        if self.db is not None:
            await self.db.close()
            self.db = None


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Book]:
    book = Book(tmp_path / "transcripts.db")
    yield book
    await book.close()


@pytest.fixture
async def transcripts(book: Book) -> Transcripts:
    return await book.open()
