"""The audit log: entries of a hash chain, and what agents did as OpenClaw's clients list it.

Source: `AuditEvent` and the two kinds of `AuditActivity` about agents in OpenClaw's schema (2026.9.1).
"""

from typing import Literal, TypeAlias

from protocol.errors import JsonValue
from protocol.method import Wire

Sha256: TypeAlias = str
"""64 hexadecimal digits."""

AuditProblem: TypeAlias = Literal[
    "altered", "missing", "unlinked", "rewritten", "cut", "foreign", "unsealed", "unreadable"
]

ActivityKind: TypeAlias = Literal["agent_run", "tool_action"]

ActivityStatus: TypeAlias = Literal[
    "started", "succeeded", "failed", "cancelled", "timed_out", "blocked", "unknown"
]


class AuditEntry(Wire):
    """One entry.

    `hash` is SHA-256 over the line `homarus.audit.v1` and the JSON array
    `[seq,tsMs,action,actor,subject,outcome,detailsText,prevHash]` without blanks.
    """

    seq: int
    ts_ms: int
    action: str
    actor: str
    """Who: a device id, `client:<id>`, `agent:<id>` or `system`."""
    subject: str
    """To what; empty when the action says it all."""
    outcome: str
    """`ok`, or in one word why not."""
    details: dict[str, JsonValue]
    details_text: str
    """The same as it is hashed."""
    prev_hash: Sha256
    hash: Sha256


class ActivityActor(Wire):
    """Who did something."""

    type: Literal["agent", "system"]
    id: str


class AuditEvent(Wire):
    """Something an agent did: when and with what end, never with what content."""

    event_id: str
    sequence: int
    """In the whole log."""
    source_sequence: int
    """Among the events of its run."""
    occurred_at: int
    """Milliseconds since 1970."""
    kind: ActivityKind
    action: str
    status: ActivityStatus
    actor: ActivityActor
    agent_id: str
    run_id: str
    redaction: Literal["metadata_only"]
    error_code: str | None = None
    session_key: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None


class AuditActivity(AuditEvent):
    """The same as the newer list names it."""

    event_type: ActivityKind
    schema_version: int
