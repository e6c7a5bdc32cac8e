"""Messages of a transcript as clients see them."""

from typing import Literal, TypeAlias

import msgspec

from protocol.method import Wire

MessageRole = Literal["user", "assistant", "toolResult", "system"]

TranscriptMessage: TypeAlias = msgspec.Raw
"""One message exactly as stored: `{role, content, timestamp, …, __openclaw: {id, seq, …}}`.

`content` is text or a list of blocks (`text`, `image`, `toolCall`, `thinking`); an assistant's message also
has `provider`, `model`, `usage` and `stopReason`. It stays bytes: it is stored once and sent many times.
"""


class TextBlock(Wire):
    """A block of text in a message's content."""

    type: Literal["text"]
    text: str


class TranscriptPosition(Wire):
    """Where an entry lies: `source` names the life of the file, `raw_seq` the order of arrival in it."""

    source: str
    raw_seq: int


class MessageMeta(Wire):
    """The `__openclaw` member of a stored message: what the gateway knows about it."""

    id: str
    seq: int
    """1, 2, 3, … within the session, in order of arrival; never given twice."""
    record_timestamp_ms: int
    transcript_position: TranscriptPosition
    run_id: str | None = None
    idempotency_key: str | None = None
    truncated: bool | None = None
    """True when text was left out to keep a list small; `chat.message.get` has it all."""
    reason: str | None = None
