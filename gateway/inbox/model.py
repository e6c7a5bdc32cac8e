"""A message on its way in."""

import msgspec


class StoredAttachment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file whose bytes are in the blob store already."""

    sha256: str
    size_bytes: int
    mime_type: str
    file_name: str | None = None


class InboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of any source: an operator's chat, a channel, a spoken sentence, a button on a canvas."""

    origin: str
    """Who vouches for `external_id`: `<channel>/<account>`, or `<method>/<actor>` of an operator's call."""
    external_id: str
    """What makes a repeat recognisable: the channel's message id, or the idempotency key."""
    channel: str
    account: str = ""
    sender: str | None = None
    sender_name: str | None = None
    conversation: str | None = None
    thread: str | None = None
    text: str
    attachments: tuple[StoredAttachment, ...] = ()
    received_ms: int


class Placement(msgspec.Struct, frozen=True):
    """Where routing sends a message."""

    agent_id: str
    session_key: str
    rule_id: str | None
    reason: str


class Acceptance(msgspec.Struct, frozen=True):
    """The outcome of accepting a message."""

    inbox_id: int
    run_id: str
    """Of the first acceptance, also when this one was a repeat."""
    session_key: str
    is_new: bool


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the inbox."""

    id: int
    message: InboxMessage
    placement: Placement
    run_id: str
