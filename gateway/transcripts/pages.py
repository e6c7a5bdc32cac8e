"""Reading a transcript: pages, deltas, an agent's context, branches; each from one snapshot."""

import base64
import binascii
import itertools
from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.kernel.store.db import Tx
from gateway.transcripts import store
from gateway.transcripts.model import Branch, Delta, HistoryPage, StoredMessage
from gateway.transcripts.text import MAX_TEXT_CHARS, decode_message, listed, words_of
from protocol.nouns.message import TranscriptMessage

MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""A page without a cap of its own stays well below the 25 MiB frame, whatever is around it."""

DELTA_MAX_ENTRIES: Final = 200
DELTA_MAX_BYTES: Final = 1_000_000
"""Beyond these a client fetches a page. Source: OpenClaw docs, protocol/rpc-session-control.md (2026.9.6)."""

HEADLINE_CHARS: Final = 120
"""One line of a branch picker."""

EMPTY: Final = HistoryPage(
    messages=[], total=0, has_more=False, next_offset=None, leaf_id=None, delta_cursor=None
)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a branch is wanted."""

    limit: int
    offset: int = 0
    max_bytes: int = MAX_PAGE_BYTES
    message_id: str | None = None
    max_chars: int = MAX_TEXT_CHARS


class _Cursor(msgspec.Struct, frozen=True, rename="camel"):
    """Where a client left off; opaque to it."""

    session_id: str
    generation: str
    last_seq: int
    version: int


_decode_cursor = msgspec.json.Decoder(_Cursor).decode


def page(tx: Tx, session_id: str, window: Window) -> HistoryPage:
    """Part of the active branch, oldest first."""
    head = store.head(tx, session_id)
    if head is None or head.deleted_ms is not None:
        return EMPTY
    total = store.depth_of(tx, session_id, head.leaf_id)
    offset = window.offset if window.message_id is None else _offset_of(tx, head, window, total)
    wanted = itertools.islice(store.branch(tx, head, head.leaf_id, offset), window.limit)
    messages = _fitting(wanted, window, store.floors(tx, session_id))
    has_more = offset + len(messages) < total
    return HistoryPage(
        messages=messages[::-1],
        total=total,
        has_more=has_more,
        next_offset=offset + len(messages) if has_more else None,
        leaf_id=head.leaf_id,
        delta_cursor=_cursor_at(tx, head),
    )


def delta(tx: Tx, session_id: str, cursor: str) -> Delta | None:
    """What arrived on the active branch since `cursor`; `None` when only a page can tell."""
    since = _parsed(cursor)
    head = store.head(tx, session_id)
    if since is None or head is None or head.deleted_ms is not None:
        return None
    if (since.session_id, since.generation) != (session_id, head.generation):
        return None
    entries = store.since(tx, session_id, since.last_seq, DELTA_MAX_ENTRIES + 1)
    if len(entries) > DELTA_MAX_ENTRIES:
        return None
    shown = [msgspec.structs.replace(entry, message=_listed(entry, MAX_TEXT_CHARS)) for entry in entries]
    if sum(len(bytes(entry.message)) for entry in shown) > DELTA_MAX_BYTES:
        return None
    last = entries[-1].raw_seq if entries else since.last_seq
    return Delta(messages=shown, cursor=_cursor(head, last), leaf_id=head.leaf_id)


def context(
    tx: Tx, session_id: str, max_turns: int, max_bytes: int, before_id: str | None
) -> list[TranscriptMessage]:
    """The newest whole turns of the active branch that fit, oldest first."""
    head = store.head(tx, session_id)
    if head is None or head.deleted_ms is not None:
        return []
    floors = store.floors(tx, session_id)
    entries = store.branch(tx, head, head.leaf_id)
    if before_id is not None:
        entries = itertools.islice(itertools.dropwhile(lambda entry: entry.id != before_id, entries), 1, None)
    kept: list[TranscriptMessage] = []
    turn: list[TranscriptMessage] = []
    turns, size = 0, 0
    for entry in entries:
        turn.append(entry.message)
        size += len(bytes(entry.message))
        if size > max_bytes:
            break
        if entry.role == "user":
            kept += turn
            turn = []
            turns += 1
        if turns == max_turns or entry.id in floors:
            break
    else:
        # The very beginning: nothing of what comes before the first person's message is missing.
        kept += turn
    return kept[::-1]


def branches(tx: Tx, session_id: str) -> list[Branch]:
    """Every leaf, newest first; a conversation that went one way has one."""
    head = store.head(tx, session_id)
    if head is None or head.deleted_ms is not None:
        return []
    return [
        Branch(
            leaf_id=leaf.id,
            headline=_headline(tx, head, leaf),
            message_count=store.depth_of(tx, session_id, leaf.id),
            updated_ms=leaf.recorded_ms,
            active=leaf.id == head.leaf_id,
        )
        for leaf in _leaves(tx, head)
    ]


def _leaves(tx: Tx, head: store.Head) -> list[StoredMessage]:
    if head.forked or head.leaf_id is None:
        return store.leaves(tx, head.session_id)
    # Without a fork there is nothing to look for.
    return [leaf for leaf in (store.by_id(tx, head.session_id, head.leaf_id),) if leaf is not None]


def _fitting(
    newest_first: Iterable[StoredMessage], window: Window, floors: frozenset[str]
) -> list[TranscriptMessage]:
    """As many as fit; a page ends where a compaction begins, and what came before it is on the next ones."""
    messages: list[TranscriptMessage] = []
    room = min(window.max_bytes, MAX_PAGE_BYTES)
    for entry in newest_first:
        message = _listed(entry, window.max_chars)
        room -= len(bytes(message))
        if room < 0 and messages:
            break
        messages.append(message)
        if entry.id in floors:
            break
    return messages


def _offset_of(tx: Tx, head: store.Head, window: Window, total: int) -> int:
    """Leaves the wanted message in the middle of its page; the newest page when it is on another branch."""
    branch = store.branch(tx, head, head.leaf_id)
    behind = next((n for n, entry in enumerate(branch) if entry.id == window.message_id), None)
    if behind is None:
        return 0
    return max(0, min(behind - window.limit // 2, total - window.limit))


def _listed(entry: StoredMessage, max_chars: int) -> TranscriptMessage:
    return TranscriptMessage(listed(bytes(entry.message), max_chars))


def _headline(tx: Tx, head: store.Head, leaf: StoredMessage) -> str:
    for entry in store.branch(tx, head, leaf.id):
        if entry.role == "user":
            return " ".join(words_of(decode_message(entry.message)).split())[:HEADLINE_CHARS]
    return ""


def _cursor_at(tx: Tx, head: store.Head) -> str | None:
    last = store.last_raw_seq(tx, head.session_id)
    return None if last is None else _cursor(head, last)


def _cursor(head: store.Head, last_raw_seq: int) -> str:
    position = _Cursor(head.session_id, head.generation, last_raw_seq, 1)
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def _parsed(cursor: str) -> _Cursor | None:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return _decode_cursor(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        # A cursor of another gateway or version is not an error: the client is told to fetch a page.
        return None
