"""Following sessions: lists, rows, subscriptions.

Source: shapes of OpenClaw 2026.9.6 (protocol.schema.json and recorded clients).
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Done, Wire, method
from protocol.nouns.approval import Approval
from protocol.nouns.session import Actor, Label, SessionDefaults, SessionRow
from protocol.scopes import Scope

Key = Annotated[str, Meta(min_length=1, max_length=512)]
"""A session key in any spelling: `main`, `agent:main:main`, `telegram:direct:42`."""

AgentId = Annotated[str, Meta(min_length=1, max_length=64)]

SortBy = Literal["updatedAt", "lastInteractionAt", "activity"]


class SessionFilter(Wire):
    """Which sessions a list holds, in which order, and what each row carries besides."""

    limit: Annotated[int, Meta(ge=1)] | None = None
    """Rows of a page: 100 when not said, at most 1 000."""
    offset: Annotated[int, Meta(ge=0)] = 0
    agent_id: AgentId | None = None
    search: Annotated[str, Meta(max_length=512)] | None = None
    """Part of a key, name, title or session id."""
    label: Label | None = None
    archived: bool | Literal["all"] = False
    active_only: bool = False
    active_minutes: Annotated[int, Meta(ge=1)] | None = None
    require_last_interaction: bool = False
    sort_by: SortBy = "updatedAt"
    include_global: bool = False
    include_unknown: bool = False
    configured_agents_only: bool = False
    exclude_cron: bool = False
    exclude_subagents: bool = False
    has_board: bool | None = None
    board_face: Literal["chat", "dashboard"] | None = None
    creator_id: Key | None = None
    owner_id: Key | None = None
    owner_first: bool = False
    """Put the caller's own sessions before the first page."""
    involving_me: bool = False
    involving_profile_id: Key | None = None
    include_people: bool = False
    spawned_by: Key | None = None
    include_derived_titles: bool = False
    include_last_message: bool = False
    cursor: Annotated[str, Meta(max_length=2048)] | None = None
    """`nextCursor` of the page before, instead of `offset`: costs the same however deep. Homarus only."""


class SessionPerson(Wire):
    """Somebody who owns or spoke in listed sessions."""

    identity: "PersonIdentity"
    session_count: int


class PersonIdentity(Wire):
    """A profile."""

    type: Literal["profile"]
    id: str


class SessionList(Wire):
    """A page of sessions."""

    ts: int
    path: str
    count: int
    total_count: int
    limit_applied: int
    next_offset: int | None
    has_more: bool
    owners: list[Actor]
    """Everybody who owns a session, whatever the page shows."""
    defaults: SessionDefaults
    sessions: list[SessionRow]
    offset: int | None = None
    people: list[SessionPerson] | None = None
    next_cursor: str | None = None
    """Homarus only; see `cursor`."""


@method("sessions.list", Scope.READ)
class SessionsList(SessionFilter, Call[SessionList]):
    """A page of the session index."""


class Subscribed(Wire):
    """The subscription stands; with list parameters also the first page."""

    subscribed: bool
    list: SessionList | None = None


@method("sessions.subscribe", Scope.READ)
class SessionsSubscribe(SessionFilter, Call[Subscribed]):
    """Receive `sessions.changed` and `session.message` until the connection ends.

    With any parameter of `sessions.list` the answer also holds that list.
    """


@method("sessions.unsubscribe", Scope.READ)
class SessionsUnsubscribe(Call[Subscribed]):
    """The opposite of `sessions.subscribe`."""


class MessagesSubscribed(Wire):
    """Whether the messages of one session are received."""

    subscribed: bool
    key: str
    approval_replay: "ApprovalReplay | None" = None


class ApprovalReplay(Wire):
    """Approvals of the session that wait for a decision."""

    session_key: str
    updated_at_ms: int
    approvals: list[Approval]
    truncated: bool


@method("sessions.messages.subscribe", Scope.READ)
class SessionsMessagesSubscribe(Call[MessagesSubscribed]):
    """Receive `session.message` and `session.tool` of one session."""

    key: Key
    agent_id: AgentId | None = None
    include_approvals: Literal[True] | None = None


@method("sessions.messages.unsubscribe", Scope.READ)
class SessionsMessagesUnsubscribe(Call[MessagesSubscribed]):
    """The opposite of `sessions.messages.subscribe`."""

    key: Key
    agent_id: AgentId | None = None


class Viewed(Wire):
    """What the connection shows now, in canonical spelling."""

    session_keys: list[str]


@method("sessions.viewers.set", Scope.READ)
class SessionsViewersSet(Call[Viewed]):
    """Say which sessions the connection shows to a person at this moment; replaces what it said before."""

    session_keys: Annotated[list[Key], Meta(max_length=32)]
    agent_id: AgentId | None = None


@method("sessions.observer.visibility", Scope.READ)
class SessionsObserverVisibility(Call[Done]):
    """Say whether a person can see the connection's page; viewers of a hidden page count as absent."""

    visible: bool


class Described(Wire):
    """One row; `null` when there is no such session."""

    session: SessionRow | None


@method("sessions.describe", Scope.READ)
class SessionsDescribe(Call[Described]):
    """The row of one session."""

    key: Key
    agent_id: AgentId | None = None
    include_derived_titles: bool = False
    include_last_message: bool = False
