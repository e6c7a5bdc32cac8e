"""Transcripts: append once, read in pages, deltas and branches, search, compact, delete."""

import itertools
from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from gateway.transcripts import pages, search, store, upkeep
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
from gateway.transcripts.text import META, decode_message
from protocol.errors import InvalidRequest, JsonValue
from protocol.nouns.message import TranscriptMessage

DAY_MS: Final = 24 * 60 * 60 * 1000

_POSITION: Final = frozenset(
    {"id", "recordTimestampMs", "transcriptPosition", "seq", "runId", "idempotencyKey"}
)
"""What `append` adds to a message's `__openclaw` member; a copy gets its own."""


class Transcripts:
    """Everything that was said, by session id. What is stored never changes; deleting hides, later erases."""

    def __init__(self, db: Database, clock: Clock, settings: Callable[[], TranscriptSettings]) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings

    async def append(self, session_id: str, entries: Sequence[NewEntry]) -> list[StoredMessage]:
        """Store `entries` one after the other, durably, and return them in the order given.

        An entry whose idempotency key the session already holds is returned as it was stored, with `repeated`
        set: an outbox may deliver the same entries any number of times, also after a crash.

        Raises:
            InvalidRequest: `message: too large` beyond the configured size; nothing is stored.
            NotFound: the transcript was deleted, or has no such parent; nothing is stored.
            StoreUnavailable: when the disk failed; nothing is stored.
        """
        limit = self._settings().max_message_bytes
        for entry in entries:
            check_size(entry.message, limit)
        now_ms = self._clock.now_ms()
        return await self._db.write(
            lambda tx: [store.append(tx, session_id, entry, now_ms) for entry in entries]
        )

    async def inject(
        self, session_id: str, text: str, *, label: str | None = None, idempotency_key: str | None = None
    ) -> StoredMessage:
        """Append an assistant's message that no model wrote (`chat.inject`)."""
        shown = text if label is None else f"[{label}]\n\n{text}"
        message: dict[str, JsonValue] = {
            "role": "assistant",
            "content": [{"type": "text", "text": shown}],
            "timestamp": self._clock.now_ms(),
            "provider": "homarus",
            "model": "gateway-injected",
            "stopReason": "stop",
        }
        (stored,) = await self.append(
            session_id, [NewEntry(message=message, idempotency_key=idempotency_key)]
        )
        return stored

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

        A page ends where a compaction begins; what came before it is on the next one.

        Args:
            session_id: Whose; an unknown id gives an empty page.
            limit: 1 to 1 000.
            max_bytes: Cap of all messages together; at least one is returned, shortened if need be.
            offset: How many of the newest messages to leave out.
            message_id: A page around this message, instead of `offset`.
            max_chars: Longest text of one message; longer ones are cut and marked `truncated`.
        """
        window = pages.Window(
            limit=limit,
            offset=offset,
            message_id=message_id,
            max_bytes=max_bytes or pages.MAX_PAGE_BYTES,
            max_chars=max_chars or pages.MAX_TEXT_CHARS,
        )
        return await self._db.read(lambda tx: pages.page(tx, session_id, window))

    async def delta(self, session_id: str, cursor: str) -> Delta | None:
        """What was appended since `cursor`, each to be sent as a `session.message` payload.

        `None` when the cursor is not ours, of another session, or no longer usable (after a compaction, a
        switch of branch, or more than 200 entries or 1 MB): the client fetches a page (`{"kind": "reset"}`).
        """
        return await self._db.read(lambda tx: pages.delta(tx, session_id, cursor))

    async def message(self, session_id: str, message_id: str) -> StoredMessage | None:
        """One whole message, on whichever branch; `None` when the session does not have it."""

        def query(tx: Tx) -> StoredMessage | None:
            head = store.head(tx, session_id)
            if head is None or head.deleted_ms is not None:
                return None
            return store.by_id(tx, session_id, message_id)

        return await self._db.read(query)

    async def find(self, session_id: str, idempotency_key: str) -> StoredMessage | None:
        """The entry stored under an idempotency key."""
        return await self._db.read(lambda tx: store.by_idempotency_key(tx, session_id, idempotency_key))

    async def leaf(self, session_id: str) -> str | None:
        """The entry the next message answers; compare with `expectedLeafEntryId`."""
        head = await self._db.read(lambda tx: store.head(tx, session_id))
        return None if head is None else head.leaf_id

    async def context(
        self,
        session_id: str,
        *,
        max_turns: int | None = None,
        max_bytes: int | None = None,
        before_id: str | None = None,
    ) -> list[TranscriptMessage]:
        """What an agent is given: the newest whole turns since a compaction, oldest first.

        A turn begins with a person's message. At most `max_turns` turns and `max_bytes`; both default to the
        settings. With `before_id`, only what came before that entry. (Requirement S3.M0-2.)
        """
        settings = self._settings()
        turns = settings.max_active_turns if max_turns is None else max_turns
        size = settings.max_active_bytes if max_bytes is None else max_bytes
        return await self._db.read(lambda tx: pages.context(tx, session_id, turns, size, before_id))

    async def branches(self, session_id: str) -> list[Branch]:
        """Every leaf of the session, newest first; a conversation that went one way has one."""
        return await self._db.read(lambda tx: pages.branches(tx, session_id))

    async def switch(self, session_id: str, leaf_id: str | None) -> None:
        """Continue the conversation after another entry; `None` starts it anew.

        Raises:
            NotFound: no such entry.
        """

        def unit(tx: Tx) -> None:
            store.opened(tx, session_id)
            store.depth_of(tx, session_id, leaf_id)
            store.move_leaf(tx, session_id, leaf_id)

        await self._db.write(unit)

    async def fork(self, source_id: str, target_id: str, *, through_id: str | None = None) -> int:
        """Copy the active branch, up to and with `through_id`, into another session; returns their number.

        Messages keep their ids. Copying again copies nothing: the target must be empty.

        Raises:
            NotFound: no such entry, or the source was deleted.
        """
        now_ms = self._clock.now_ms()
        return await self._db.write(lambda tx: _copy(tx, source_id, target_id, through_id, now_ms))

    async def compact(self, session_id: str, max_lines: int) -> Compaction:
        """Let agents see only the newest `max_lines` messages from now on; older ones begin a new page."""
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> Compaction:
            head = store.head(tx, session_id)
            if head is None or head.deleted_ms is not None:
                return Compaction(compacted=False, kept=0, entry_id=None)
            kept = list(itertools.islice(store.branch(tx, head, head.leaf_id), max_lines + 1))
            if len(kept) <= max_lines:
                return Compaction(compacted=False, kept=len(kept), entry_id=None)
            note = store.add_compaction(tx, session_id, kept[max_lines - 1].id, max_lines, now_ms)
            return Compaction(compacted=True, kept=max_lines, entry_id=note)

        return await self._db.write(unit)

    async def search(
        self, query: str, *, session_ids: Sequence[str] | None = None, limit: int = 25
    ) -> list[SearchHit]:
        """Messages of people and agents with all words of `query`, best first; deleted sessions excepted."""
        expression = search.match_expression(query)
        if expression is None:
            return []
        return await self._db.read(lambda tx: search.search(tx, expression, session_ids, limit))

    async def delete(self, session_id: str) -> list[str]:
        """Hide a transcript at once, erase it some days later; returns the names it is kept under."""
        now_ms = self._clock.now_ms()
        hidden = await self._db.write(lambda tx: upkeep.mark_deleted(tx, session_id, now_ms))
        return [f"transcripts.db/{session_id}.deleted.{now_ms}"] if hidden else []

    async def extent(self, session_id: str) -> Extent:
        """How many entries and bytes a session has."""
        return await self._db.read(lambda tx: upkeep.extent(tx, session_id))

    async def stats(self) -> TranscriptStats:
        """Totals, for `status` and `doctor`."""
        return await self._db.read(upkeep.stats)

    async def reap(self) -> int:
        """Erase transcripts deleted longer ago than the settings say; returns how many."""
        before_ms = self._clock.now_ms() - self._settings().deleted_days * DAY_MS
        erased, more = 0, True
        while more:
            count, more = await self._db.write(lambda tx: upkeep.erase(tx, before_ms))
            erased += count
        return erased


def check_size(message: dict[str, JsonValue], max_bytes: int) -> None:
    """Refuse what would not be stored.

    Raises:
        InvalidRequest: `message` is larger than `max_bytes` as JSON.
    """
    size = len(msgspec.json.encode(message))
    if size > max_bytes:
        raise InvalidRequest(
            f"message: too large ({size} bytes); at most {max_bytes} bytes are stored",
            {"field": "message", "maxBytes": max_bytes},
        )


def _copy(tx: Tx, source_id: str, target_id: str, through_id: str | None, now_ms: int) -> int:
    head = store.opened(tx, source_id)
    if store.opened(tx, target_id).leaf_id is not None:
        return 0
    leaf_id = head.leaf_id if through_id is None else through_id
    store.depth_of(tx, source_id, leaf_id)
    entries = list(store.branch(tx, head, leaf_id))
    for entry in reversed(entries):
        store.append(tx, target_id, _copied(entry), now_ms)
    return len(entries)


def _copied(entry: StoredMessage) -> NewEntry:
    message = decode_message(entry.message)
    meta = cast("dict[str, JsonValue]", message[META])
    kept: dict[str, JsonValue] = {name: value for name, value in meta.items() if name not in _POSITION}
    return NewEntry(
        message={**message, META: kept},
        id=entry.id,
        run_id=entry.run_id,
        idempotency_key=entry.idempotency_key,
    )
