"""From a stored session to the entry that changes answer with."""

from typing import Final

from gateway.kernel.ports import AgentFacts
from gateway.sessions.model import Session
from gateway.sessions.rows import runtime_ms_of, status_of
from protocol.nouns.session import Actor
from protocol.nouns.session_entry import (
    EntryActor,
    EntryDelivery,
    ResolvedModel,
    ResolvedRuntime,
    SessionEntry,
)

_COPIED: Final = {
    "label": "label",
    "category": "category",
    "chat_type": "chat_type",
    "last_interaction_at": "last_interaction_ms",
    "last_activity_at": "last_activity_ms",
    "last_read_at": "last_read_ms",
    "marked_unread_at": "marked_unread_ms",
    "pinned_at": "pinned_ms",
    "archived_at": "archived_ms",
    "archive_reason": "archive_reason",
    "archived_by": "archived_by",
    "parent_session_key": "parent_key",
    "parent_session_id": "parent_session_id",
    "previous_session_id": "previous_session_id",
    "fork_source": "fork",
    "started_at": "run_started_ms",
    "ended_at": "run_ended_ms",
    "aborted_last_run": "aborted_last_run",
    "system_sent": "system_sent",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "estimated_cost_usd": "cost_usd",
    "model_provider": "model_provider",
    "model": "model",
}
"""Fields of an entry that repeat a field of the session."""

_CHOSEN: Final = (
    "icon",
    "color",
    "board_face",
    "thinking_level",
    "fast_mode",
    "verbose_level",
    "trace_level",
    "reasoning_level",
    "response_usage",
    "elevated_level",
    "permission_mode",
    "queue_mode",
    "send_policy",
    "group_activation",
)
"""Fields of an entry that repeat a choice made for the session."""


def entry_of(session: Session) -> SessionEntry:
    """The session as stored."""
    entry = SessionEntry(
        session_id=session.session_id,
        lifecycle_revision=session.lifecycle_revision,
        updated_at=session.updated_ms,
        created_at=session.created_ms,
        session_started_at=session.started_ms,
        created_via=session.created_via,
        created_actor=_actor(session.creator),
        delivery=_delivery(session),
        spawn_depth=session.spawn_depth,
        display_name=session.display_name or session.title,
        forked_from_parent=True if session.fork else None,
        status=status_of(session),
        runtime_ms=runtime_ms_of(session),
        total_tokens_fresh=session.total_tokens is not None,
    )
    for name, source in _COPIED.items():
        setattr(entry, name, getattr(session, source))
    for name in _CHOSEN:
        setattr(entry, name, getattr(session.overrides, name))
    return entry


def resolved_of(facts: AgentFacts) -> ResolvedModel:
    """The model that answers next."""
    return ResolvedModel(
        model_provider=facts.model_provider,
        model=facts.model,
        agent_runtime=ResolvedRuntime(id=facts.runtime, source="implicit"),
        runtime_selection_locked=False,
    )


def _actor(actor: Actor | None) -> EntryActor | None:
    if actor is None:
        return None
    source = None if actor.id is None else ("agent" if actor.type == "agent" else "profile")
    return EntryActor(type=actor.type, source=source, id=actor.id)


def _delivery(session: Session) -> EntryDelivery:
    delivery = session.delivery
    if delivery is None:
        return EntryDelivery(kind="none")
    return EntryDelivery(
        kind="channel", channel=delivery.channel, to=delivery.to, account_id=delivery.account_id
    )
