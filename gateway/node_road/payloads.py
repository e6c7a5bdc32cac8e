"""What events of nodes carry.

Source: OpenClaw docs/gateway/protocol (2026.9.6) and the events its nodes send.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from protocol.limits import MAX_ID_CHARS
from protocol.method import Wire

MAX_TEXT_CHARS: Final = 20_000
"""Of a sentence or request. Source: OpenClaw refuses more."""

MAX_OUTPUT_CHARS: Final = 256 * 1024
"""Output inside an event; nodes send the last 20 000 characters."""

Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
Key = Annotated[str, Meta(max_length=512)]
Word = Annotated[str, Meta(max_length=MAX_ID_CHARS)]


class Transcript(Wire):
    """`voice.transcript`: a sentence a node understood. The ids tell repeats, whichever the node has."""

    text: Text
    session_key: Key | None = None
    event_id: Key | None = None
    provider_event_id: Key | None = None
    transcript_id: Key | None = None
    call_id: Key | None = None
    provider_call_id: Key | None = None
    sequence: int | None = None
    seq: int | None = None


class AgentRequest(Wire):
    """`agent.request`: something for an agent, often a person's action on a canvas."""

    message: Text = ""
    session_key: Key | None = None
    attachments: Annotated[list[msgspec.Raw], Meta(max_length=32)] | None = None
    """Images."""
    thinking: Annotated[str, Meta(max_length=64)] | None = None
    deliver: bool | None = None
    to: Key | None = None
    channel: Key | None = None
    receipt: bool | None = None
    receipt_text: Annotated[str, Meta(max_length=4096)] | None = None
    timeout_seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    key: Key | None = None
    """Tells repeats; a canvas action's id."""


class Conversation(Wire):
    """`chat.subscribe` and `chat.unsubscribe`."""

    session_key: Annotated[str, Meta(min_length=1, max_length=512)]


class NotificationChanged(Wire):
    """`notifications.changed`: another app on the node showed or withdrew a notification."""

    change: Literal["posted", "removed"]
    key: Annotated[str, Meta(min_length=1, max_length=512)]
    package_name: Key | None = None
    title: Annotated[str, Meta(max_length=4096)] | None = None
    text: Annotated[str, Meta(max_length=MAX_TEXT_CHARS)] | None = None
    session_key: Key | None = None


class ExecReport(Wire):
    """`exec.started`, `exec.finished` and `exec.denied`: what became of a `system.run`."""

    run_id: Word | None = None
    session_key: Key | None = None
    command: Annotated[str, Meta(max_length=MAX_OUTPUT_CHARS)] | None = None
    exit_code: int | None = None
    timed_out: bool | None = None
    success: bool | None = None
    output: Annotated[str, Meta(max_length=MAX_OUTPUT_CHARS)] | None = None
    reason: Annotated[str, Meta(max_length=4096)] | None = None
    suppress_notify_on_exit: bool | None = None
