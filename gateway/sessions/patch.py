"""What a patch of a session means: which scope it needs, whether it is allowed, and what it changes."""

from typing import Any, Final

import msgspec
from msgspec import UNSET

from gateway.kernel.ports import AgentFacts
from gateway.sessions.keys import UNKNOWN, is_main
from gateway.sessions.model import Overrides, Session
from protocol.errors import Conflict, InvalidRequest
from protocol.methods.sessions_changes import SessionPatch, SessionsPatch
from protocol.nouns.session import Actor
from protocol.scopes import Scope

SESSION_CHANGED: Final = "session-changed"
"""`details.reason` of a failed guard; clients then read the session again. Observed: OpenClaw 2026.9.6."""

_WRITE_FIELDS: Final = frozenset(
    {
        "label",
        "icon",
        "color",
        "category",
        "board_face",
        "pinned",
        "archived",
        "unread",
        "model",
        "thinking_level",
        "fast_mode",
        "permission_mode",
    }
)
"""What `operator.write` may change. Source: OpenClaw docs, protocol/rpc-session-control.md (2026.9.6)."""

_OVERRIDES: Final = frozenset(Overrides.__struct_fields__)

_PATCHED: Final = frozenset(SessionPatch.__struct_fields__)


def given(call: SessionPatch) -> dict[str, Any]:
    """The fields a patch sets, `None` where it returns one to its default."""
    return {name: value for name in _PATCHED if (value := getattr(call, name)) is not UNSET}


def required_scope(call: SessionPatch) -> Scope:
    """What a caller needs for this patch."""
    changes = given(call)
    if changes.get("permission_mode") == "full" or not changes.keys() <= _WRITE_FIELDS:
        return Scope.ADMIN
    return Scope.WRITE


def check_form(call: SessionsPatch) -> None:
    """Refuse combinations that make no sense.

    Raises:
        InvalidRequest: naming the field.
    """
    if call.archived is not UNSET and call.expected_session_id is None:
        raise InvalidRequest(
            "expectedSessionId: archiving and restoring need the sessionId you saw; see sessions.describe",
            {"field": "expectedSessionId"},
        )
    if call.expected_marked_unread_at is not UNSET and given(call) != {"unread": False}:
        raise InvalidRequest(
            "expectedMarkedUnreadAt: needs unread=false as the only change",
            {"field": "expectedMarkedUnreadAt"},
        )


def check_archivable(session: Session) -> None:
    """Refuse to archive what must always be there.

    Raises:
        InvalidRequest: for a main session, `global` and `unknown`.
    """
    if session.key == UNKNOWN:
        raise InvalidRequest("key: the session of unknown senders cannot be archived", {"field": "key"})
    if is_main(session.key) or session.kind == "global":
        raise InvalidRequest("key: an agent's main session cannot be archived", {"field": "key"})


def check_expected(
    session: Session | None, key: str, session_id: str | None, lifecycle_revision: str | None
) -> None:
    """Refuse to change another life of the session than the caller saw.

    Raises:
        Conflict: `details.reason` is `session-changed`.
    """
    seen_id = None if session is None else session.session_id
    seen_revision = None if session is None else session.lifecycle_revision
    if (session_id is not None and session_id != seen_id) or (
        lifecycle_revision is not None and lifecycle_revision != seen_revision
    ):
        raise changed(key)


def changed(key: str) -> Conflict:
    """The error of a guard that failed."""
    return Conflict(
        f"session {key} has changed meanwhile; read it again, then retry", {"reason": SESSION_CHANGED}
    )


def is_stale_read_mark(call: SessionsPatch, session: Session) -> bool:
    """Whether an automatic "has been read" comes after a person marked the session unread anew."""
    expected = call.expected_marked_unread_at
    return expected is not UNSET and expected != session.marked_unread_ms


def check_thinking(level: object, facts: AgentFacts) -> None:
    """Refuse a thinking level the session's model does not have.

    Raises:
        InvalidRequest: naming the levels it has.
    """
    if isinstance(level, str) and level not in facts.thinking_levels:
        model = f"{facts.model_provider}/{facts.model}" if facts.model else "this agent"
        choices = ", ".join(facts.thinking_levels)
        raise InvalidRequest(
            f'thinkingLevel: "{level}" is not supported by {model}; use {choices}', {"field": "thinkingLevel"}
        )


def changes_of(call: SessionPatch, session: Session, now_ms: int, actor: Actor | None) -> dict[str, Any]:
    """What a patch changes of a session, as fields of `Session`."""
    patch = given(call)
    changes: dict[str, Any] = {"updated_ms": now_ms}
    for name in ("label", "category"):
        if name in patch:
            changes[name] = patch[name]
    chosen = {name: value for name, value in patch.items() if name in _OVERRIDES}
    if chosen:
        changes["overrides"] = msgspec.structs.replace(session.overrides, **chosen)
    if "pinned" in patch:
        changes["pinned_ms"] = (session.pinned_ms or now_ms) if patch["pinned"] else None
    if "unread" in patch:
        changes["marked_unread_ms"] = now_ms if patch["unread"] else None
        if not patch["unread"]:
            changes["last_read_ms"] = now_ms
    if "archived" in patch:
        archived = bool(patch["archived"])
        changes["archived_ms"] = (session.archived_ms or now_ms) if archived else None
        changes["archive_reason"] = "manual" if archived else None
        changes["archived_by"] = actor if archived else None
    return changes
