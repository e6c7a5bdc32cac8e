"""Transcripts: append once, read in pages, deltas and branches, search, compact, delete."""

from collections.abc import Sequence

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database
from gateway.transcripts.model import (
    Branch,
    Compaction,
    Delta,
    Extent,
    HistoryPage,
    NewEntry,
    SearchHit,
    StoredMessage,
    TranscriptSettings,
    TranscriptStats,
)
from protocol.nouns.message import TranscriptMessage


class Transcripts:
    """Everything that was said, by session id. What is stored never changes; deleting hides, later erases."""

    def __init__(self, db: Database, clock: Clock, settings: TranscriptSettings) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings

    async def append(self, session_id: str, entries: Sequence[NewEntry]) -> list[StoredMessage]:
        """Store `entries` after the active leaf, durably, and return them in the order given.

        An entry whose idempotency key the session already holds is returned as it was stored, with `repeated`
        set: an outbox may deliver the same entries any number of times, also after a crash.

        Raises:
            InvalidRequest: `message: too large` beyond the configured size; nothing is stored.
            NotFound: an entry names a parent the session does not have; nothing is stored.
            StoreUnavailable: when the disk failed; nothing is stored.
        """
        raise NotImplementedError

    async def inject(
        self, session_id: str, text: str, *, label: str | None = None, idempotency_key: str | None = None
    ) -> StoredMessage:
        """Append an assistant's message that no model wrote (`chat.inject`)."""
        raise NotImplementedError

    async def history(
        self,
        session_id: str,
        *,
        limit: int = 200,
        max_bytes: int | None = None,
        offset: int = 0,
        message_id: str | None = None,
        max_chars: int | None = None,
    ) -> HistoryPage:
        """The newest `limit` messages of the active branch that fit `max_bytes`, oldest first.

        Args:
            session_id: Whose; an unknown id gives an empty page.
            limit: 1 to 1 000.
            max_bytes: Cap of the whole page; at least one message is returned, shortened if need be.
            offset: How many of the newest messages to leave out.
            message_id: A page that ends a little after this message, instead of `offset`.
            max_chars: Longest text of one message; longer ones are cut and marked `truncated`.
        """
        raise NotImplementedError

    async def delta(self, session_id: str, cursor: str) -> Delta | None:
        """What was appended since `cursor`.

        `None` when the cursor is not ours, of another session, or no longer usable (after a compaction, a switch
        of branch, or more than 200 entries or 1 MB): fetch a page instead (`{"kind": "reset"}`).
        """
        raise NotImplementedError

    async def message(self, session_id: str, message_id: str) -> StoredMessage | None:
        """One whole message, on whichever branch."""
        raise NotImplementedError

    async def find(self, session_id: str, idempotency_key: str) -> StoredMessage | None:
        """The entry stored under an idempotency key."""
        raise NotImplementedError

    async def leaf(self, session_id: str) -> str | None:
        """The entry the next message answers; compare with `expectedLeafEntryId`."""
        raise NotImplementedError

    async def context(
        self, session_id: str, *, max_turns: int | None = None, max_bytes: int | None = None
    ) -> list[TranscriptMessage]:
        """What an agent is given: the newest turns of the active branch since a compaction, oldest first.

        At most `max_turns` turns (a turn begins with a person's message) and `max_bytes`; both default to the
        settings. It never begins with a tool result or half a turn. (Requirement S3.M0-2.)
        """
        raise NotImplementedError

    async def branches(self, session_id: str) -> list[Branch]:
        """Every leaf of the session, newest first; a conversation that was never forked has none."""
        raise NotImplementedError

    async def switch(self, session_id: str, leaf_id: str) -> None:
        """Continue the conversation at another leaf.

        Raises:
            NotFound: no such entry.
        """
        raise NotImplementedError

    async def fork(self, session_id: str, target_id: str, *, entry_id: str | None = None) -> int:
        """Copy the active branch (up to `entry_id`) into an empty session; returns the number of entries."""
        raise NotImplementedError

    async def compact(self, session_id: str, max_lines: int) -> Compaction:
        """Let agents see only the newest `max_lines` messages from now on; everything stays readable."""
        raise NotImplementedError

    async def search(
        self, query: str, *, session_ids: Sequence[str] | None = None, limit: int = 25
    ) -> list[SearchHit]:
        """Messages of people and agents with all words of `query`, best first; deleted sessions excepted."""
        raise NotImplementedError

    async def delete(self, session_id: str) -> list[str]:
        """Hide a transcript at once, erase it after the configured days; returns the names it is kept under."""
        raise NotImplementedError

    async def extent(self, session_id: str) -> Extent:
        """How many entries and bytes a session has."""
        raise NotImplementedError

    async def stats(self) -> TranscriptStats:
        """Totals, for `status` and `doctor`."""
        raise NotImplementedError

    async def reap(self) -> int:
        """Erase transcripts deleted longer ago than the settings say; returns how many."""
        raise NotImplementedError
