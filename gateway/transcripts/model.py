"""Entries of a transcript: what is handed in, what is kept, what is read back."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.kernel.config.settings import Settings
from protocol.errors import JsonValue
from protocol.nouns.message import TranscriptMessage


class TranscriptSettings(Settings):
    """How long messages and conversations may become."""

    section: ClassVar[str] = "transcripts"

    max_message_bytes: Annotated[int, Meta(ge=1024 * 1024)] = 1024 * 1024
    """Largest message as JSON that is stored; a larger one is refused. Chat relies on the least."""
    max_active_turns: Annotated[int, Meta(ge=1)] = 200
    """Most turns of a session an agent is given; older ones stay readable and searchable."""
    max_active_bytes: Annotated[int, Meta(ge=1024)] = 512 * 1024
    """Most bytes of a session an agent is given."""
    deleted_days: Annotated[int, Meta(ge=0)] = 30
    """Days a deleted transcript is kept before it is erased."""


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something to append. `message` is the wire message: `{role, content, timestamp, …}`.

    What the caller knows about it (`senderId`, `transport`, …) goes into `message["__openclaw"]`; id,
    position and times are added there when it is stored.
    """

    message: dict[str, JsonValue]
    id: str | None = None
    """Chosen beforehand, where an event has to name the message before it is stored; a new one otherwise."""
    idempotency_key: str | None = None
    """At most one entry of a session carries it, whatever happens: appending again returns the first."""
    run_id: str | None = None
    parent_id: str | UnsetType | None = UNSET
    """The entry this one answers; the active leaf when not said. `None` starts the conversation anew."""


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as stored."""

    id: str
    session_id: str
    seq: int
    """1, 2, 3, … within the session, in order of arrival; never given twice."""
    raw_seq: int
    """Order of arrival in the whole file."""
    parent_id: str | None
    role: str
    run_id: str | None
    idempotency_key: str | None
    recorded_ms: int
    message: TranscriptMessage
    """The wire message, ready to be sent."""
    repeated: bool = False
    """True when `append` found this entry already there: announce it only once."""


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a session's active branch, oldest first."""

    messages: list[TranscriptMessage]
    total: int
    """Messages on the active branch."""
    has_more: bool
    """Whether older messages exist than the first of this page."""
    next_offset: int | None
    """`offset` of the next older page."""
    leaf_id: str | None
    """The entry the next message answers."""
    delta_cursor: str | None
    """Ask with it later for what was appended since; `None` while the session has no entries."""


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What was appended since a cursor, oldest first."""

    messages: list[StoredMessage]
    cursor: str
    leaf_id: str | None


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One way the conversation went."""

    leaf_id: str
    headline: str
    """The beginning of its last message by a person."""
    message_count: int
    updated_ms: int
    active: bool


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A message that matched a search."""

    session_id: str
    message_id: str
    role: str
    timestamp: int
    snippet: str
    score: float
    """Higher is better."""


class Compaction(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `compact`."""

    compacted: bool
    """False when there was nothing to leave out."""
    kept: int
    """Messages an agent is still given."""
    entry_id: str | None


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """Size of one session's transcript."""

    entries: int
    stored_bytes: int


class TranscriptStats(msgspec.Struct, frozen=True, kw_only=True):
    """Size of all transcripts."""

    sessions: int
    entries: int
    stored_bytes: int
    deleted_sessions: int
