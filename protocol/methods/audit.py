"""Reading and checking the audit log.

Source: `audit.list` and `audit.activity.list` in OpenClaw's schema (2026.9.1). Entries, verification and the
hash chain itself are Homarus' own.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.audit import (
    ActivityKind,
    ActivityStatus,
    AuditActivity,
    AuditEntry,
    AuditEvent,
    AuditProblem,
)
from protocol.scopes import Scope

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Cursor = Annotated[str, Meta(min_length=1, max_length=512)]
TimeMs = Annotated[int, Meta(ge=0, le=1 << 53)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class AuditPage(Wire):
    """Entries, newest first unless asked otherwise."""

    entries: list[AuditEntry]
    next_cursor: str | None = None


@method("audit.entries", Scope.ADMIN, additive=True)
class AuditEntries(Call[AuditPage], forbid_unknown_fields=True):
    """A page of the audit log.

    Errors: `INVALID_REQUEST` for a cursor of another list.
    """

    action: Name | None = None
    """A dotted name, or with `.*` at its end everything below it."""
    actor: Name | None = None
    subject: Name | None = None
    outcome: Name | None = None
    since_ms: TimeMs | None = None
    order: Literal["newest", "oldest"] = "newest"
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Cursor | None = None


class AuditVerified(Wire):
    """Whether the log is as it was written."""

    ok: bool
    entries: int
    """How far the chain is whole."""
    genesis_hash: str
    head_seq: int
    head_hash: str
    """Note this pair somewhere else: with it, `audit.verify` also finds a log that was cut or rewritten."""
    file_bytes: int
    broken_seq: int | None = None
    """The first entry that is not as it was written."""
    problem: AuditProblem | None = None
    message: str | None = None
    """The same for people."""


@method("audit.verify", Scope.ADMIN, additive=True)
class AuditVerify(Call[AuditVerified], forbid_unknown_fields=True):
    """Check every entry of the audit log, and its end against what was noted.

    Errors: `INVALID_REQUEST` when only one of the two parameters is given.
    """

    head_seq: Annotated[int, Meta(ge=1, le=1 << 53)] | None = None
    """An end noted elsewhere, as `head_seq` and `head_hash` of an earlier result."""
    head_hash: Hash | None = None


class AuditEventPage(Wire):
    """What agents did, newest first."""

    events: list[AuditEvent]
    next_cursor: str | None = None


@method("audit.list", Scope.READ)
class AuditEventList(Call[AuditEventPage]):
    """Runs of agents and their tools: when and with what end, without content.

    Errors: `INVALID_REQUEST` for a cursor of another list.
    """

    agent_id: Name | None = None
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    run_id: Name | None = None
    kind: ActivityKind | None = None
    status: ActivityStatus | None = None
    after: TimeMs | None = None
    before: TimeMs | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    cursor: Cursor | None = None


class AuditActivityPage(Wire):
    """What agents did, newest first."""

    events: list[AuditActivity]
    next_cursor: str | None = None


@method("audit.activity.list", Scope.READ)
class AuditActivityList(Call[AuditActivityPage]):
    """The same as `audit.list`, in the form newer clients ask for. There are no entries of kind `message`.

    Errors: `INVALID_REQUEST` for a cursor of another list.
    """

    agent_id: Name | None = None
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    run_id: Name | None = None
    kind: Literal["agent_run", "tool_action", "message"] | None = None
    status: ActivityStatus | None = None
    direction: Literal["inbound", "outbound"] | None = None
    channel: Name | None = None
    after: TimeMs | None = None
    before: TimeMs | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    cursor: Cursor | None = None
