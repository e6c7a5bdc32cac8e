"""Messages as they came in, whatever they came in by."""

from protocol.method import Wire


class InboxAttachment(Wire):
    """A file that came with a message."""

    mime_type: str
    size_bytes: int
    sha256: str
    file_name: str | None = None


class InboxItem(Wire):
    """One received message, and where it went."""

    id: int
    """Grows with every message; the order of arrival."""
    channel: str
    """`webchat` for operators, otherwise the name of the channel."""
    account: str
    text: str
    received_at_ms: int
    agent_id: str
    session_key: str
    route_reason: str
    run_id: str
    """The run that answers it; see `agent.wait`."""
    external_id: str
    """The channel's own id of the message, or the caller's idempotency key."""
    sender: str | None = None
    sender_name: str | None = None
    conversation: str | None = None
    thread: str | None = None
    rule_id: str | None = None
    attachments: list[InboxAttachment] | None = None
