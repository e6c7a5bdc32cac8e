"""From a stored session to what clients see of it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from gateway.kernel.ports import AgentCatalog, AgentFacts
from gateway.sessions.keys import DEFAULT_AGENT, SessionKey, agent_of, classification_of, is_main, kind_of
from gateway.sessions.model import Session
from protocol.nouns.session import (
    Actor,
    AgentRuntime,
    Identity,
    Participant,
    RunStatus,
    SessionDefaults,
    SessionRow,
    ThinkingLevel,
)

SHOWN_PARTICIPANTS: Final = 4
"""Faces beside a row. Source: schema of SessionRow, `participants` has at most four items."""

FAST_AUTO_ON_S: Final = 60
"""How long an automatic fast mode lasts. Observed: 60 in every row; no agent of ours has a fast mode yet."""

UNKNOWN_AGENT: Final = AgentFacts(runtime="offline")
"""Shown for a session whose agent was removed."""

_BACKGROUND: Final = frozenset({"cron", "subagent", "heartbeat"})
"""Conversations nobody takes part in."""

_COPIED: Final = {
    "label": "label",
    "category": "category",
    "channel": "channel",
    "account_id": "account_id",
    "chat_type": "chat_type",
    "kind": "kind",
    "classification": "classification",
    "session_id": "session_id",
    "created_via": "created_via",
    "created_at": "created_ms",
    "updated_at": "updated_ms",
    "archived_at": "archived_ms",
    "archive_reason": "archive_reason",
    "pinned_at": "pinned_ms",
    "unread": "unread",
    "marked_unread_at": "marked_unread_ms",
    "last_read_at": "last_read_ms",
    "last_interaction_at": "last_interaction_ms",
    "last_activity_at": "last_activity_ms",
    "parent_session_key": "parent_key",
    "parent_session_id": "parent_session_id",
    "previous_session_id": "previous_session_id",
    "fork_source": "fork",
    "spawned_by": "spawned_by",
    "spawn_depth": "spawn_depth",
    "started_at": "run_started_ms",
    "ended_at": "run_ended_ms",
    "last_run_id": "last_run_id",
    "last_run_error": "last_run_error",
    "aborted_last_run": "aborted_last_run",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "estimated_cost_usd": "cost_usd",
}
"""Fields of a row that repeat a field of the session."""

_CHOSEN: Final = (
    "icon",
    "color",
    "board_face",
    "thinking_level",
    "fast_mode",
    "verbose_level",
    "trace_level",
    "reasoning_level",
    "elevated_level",
    "permission_mode",
    "send_policy",
    "group_activation",
    "response_usage",
    "queue_mode",
)
"""Fields of a row that repeat a choice made for the session."""


class RowMaker:
    """Makes rows and entries; knows the agents once they are attached."""

    def __init__(self) -> None:
        self.agents: AgentCatalog | None = None

    def facts(self, session: Session | SessionKey) -> AgentFacts:
        """The agent behind a session, with the model chosen for the session."""
        agent_id, chosen = _agent_and_choice(session)
        if self.agents is None:
            return UNKNOWN_AGENT
        if chosen is not None and (facts := self.agents.choose_model(agent_id, chosen)) is not None:
            return facts
        return self.agents.facts(agent_id) or UNKNOWN_AGENT

    def row(
        self,
        session: Session,
        now_ms: int,
        *,
        children: Sequence[str] = (),
        with_title: bool = True,
        with_preview: bool = True,
    ) -> SessionRow:
        """The full row of a stored session."""
        row = _blank(session.key, self.facts(session), now_ms)
        for name, source in _COPIED.items():
            setattr(row, name, getattr(session, source))
        for name in _CHOSEN:
            setattr(row, name, getattr(session.overrides, name))
        row.visibility, row.sharing_role = "shared", "owner"
        row.display_name = session.label or session.display_name or session.title
        row.derived_title = row.display_name if with_title else None
        row.last_message_preview = session.preview if with_preview else None
        row.archived_by = shown_actor(session.archived_by)
        row.archived, row.pinned = session.archived_ms is not None, session.pinned_ms is not None
        row.system_sent = True if session.system_sent else None
        row.forked_from_parent = True if session.fork else None
        row.child_sessions = list(children) or None
        row.model_override_source = "user" if session.overrides.model is not None else None
        row.effective_response_usage = session.overrides.response_usage or "off"
        row.effective_queue_mode = session.overrides.queue_mode or "steer"
        _add_people(row, session)
        _add_run(row, session)
        _add_delivery(row, session)
        return row

    def blank(self, key: SessionKey, now_ms: int) -> SessionRow:
        """The row of a session nothing was said in yet."""
        return _blank(key, self.facts(key), now_ms)

    def defaults(self, agent_id: str | None) -> SessionDefaults:
        """What a new session of an agent starts with; the default agent's when none is named."""
        facts = self.agents.facts(agent_id or self.default_agent()) if self.agents else None
        known = facts or UNKNOWN_AGENT
        return SessionDefaults(
            model_provider=known.model_provider,
            model=known.model,
            context_tokens=known.context_tokens,
            agent_runtime=_runtime(known),
            thinking_levels=_levels(known),
            thinking_options=list(known.thinking_levels),
            thinking_default=known.thinking_default,
            model_selection_target="session",
        )

    def default_agent(self) -> str:
        """The agent that answers when none is named."""
        ids = self.agents.agent_ids() if self.agents else ()
        return ids[0] if ids else DEFAULT_AGENT


def status_of(session: Session) -> RunStatus | None:
    """What the session is doing, or how its last run ended."""
    return "running" if session.active_runs else session.status


def runtime_ms_of(session: Session) -> int | None:
    """How long the last run took, once it is over."""
    if session.run_started_ms is None or session.run_ended_ms is None:
        return None
    return max(0, session.run_ended_ms - session.run_started_ms)


def shown_actor(actor: Actor | None) -> Actor | None:
    """An actor with the identity that rows carry; profiles are the only persons known by id."""
    if actor is None or actor.id is None or actor.identity is not None:
        return actor
    kind = "agent" if actor.type == "agent" else "profile"
    return Actor(type=actor.type, id=actor.id, label=actor.label, identity=Identity(type=kind, id=actor.id))


def _agent_and_choice(session: Session | SessionKey) -> tuple[str, str | None]:
    if isinstance(session, Session):
        return session.agent_id or DEFAULT_AGENT, session.overrides.model
    return agent_of(session) or DEFAULT_AGENT, None


def _blank(key: SessionKey, facts: AgentFacts, now_ms: int) -> SessionRow:
    classification = classification_of(key)
    return SessionRow(
        key=key,
        kind=kind_of(key),
        classification=classification,
        agent_id=agent_of(key),
        is_main=is_main(key),
        is_background=classification in _BACKGROUND,
        updated_at=None,
        archived=False,
        pinned=False,
        unread=False,
        permission_mode_pending=False,
        effective_fast_mode=False,
        effective_fast_mode_source="default",
        fast_auto_on_seconds=FAST_AUTO_ON_S,
        total_tokens_fresh=False,
        effective_response_usage="off",
        effective_queue_mode="steer",
        model_override_source=None,
        runtime_selection_locked=False,
        agent_runtime=_runtime(facts),
        snapshot_at=now_ms,
        has_active_run=False,
        active_run_ids=[],
        thinking_levels=_levels(facts),
        thinking_options=list(facts.thinking_levels),
        thinking_default=facts.thinking_default,
        model_provider=facts.model_provider,
        model=facts.model,
        context_tokens=facts.context_tokens,
    )


def _add_people(row: SessionRow, session: Session) -> None:
    row.created_actor = shown_actor(session.creator)
    if session.owner is not None:
        owner = shown_actor(session.owner.actor)
        row.owner = (
            None
            if owner is None
            else session.owner.__class__(
                actor=owner,
                assigned_by=shown_actor(session.owner.assigned_by),
                assigned_at=session.owner.assigned_at,
            )
        )
    if session.participants:
        faces = [Participant(identity=identity) for identity in session.participants]
        row.participants = faces[:SHOWN_PARTICIPANTS]
        row.expanded_participants = faces
        row.participant_count = len(faces)


def _add_run(row: SessionRow, session: Session) -> None:
    row.has_active_run = bool(session.active_runs)
    row.active_run_ids = list(session.active_runs)
    row.status = status_of(session)
    row.runtime_ms = runtime_ms_of(session)
    row.total_tokens_fresh = session.total_tokens is not None


def _add_delivery(row: SessionRow, session: Session) -> None:
    delivery = session.delivery
    if delivery is None:
        return
    named = {"channel": delivery.channel, "to": delivery.to, "accountId": delivery.account_id}
    row.delivery_context = {name: value for name, value in named.items() if value is not None}
    row.last_channel, row.last_to, row.last_account_id = delivery.channel, delivery.to, delivery.account_id


@lru_cache(maxsize=64)
def _runtime(facts: AgentFacts) -> AgentRuntime:
    return AgentRuntime(
        id=facts.runtime,
        cloud_placement_supported=False,
        device_placement_supported=False,
        source="implicit",
    )


@lru_cache(maxsize=64)
def _levels(facts: AgentFacts) -> list[ThinkingLevel]:
    return [ThinkingLevel(id=level, label=level) for level in facts.thinking_levels]
