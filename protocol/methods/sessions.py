"""Reading sessions: lists, rows, names, search, subscriptions.

Source: shapes of OpenClaw 2026.9.6 (protocol.schema.json and recorded clients).
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Done, Wire, method
from protocol.nouns.approval import Approval
from protocol.nouns.message import TranscriptMessage
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


class SessionMessages(Wire):
    """Newest messages, oldest first."""

    messages: list[TranscriptMessage]


@method("sessions.get", Scope.READ)
class SessionsGet(Call[SessionMessages]):
    """The newest messages of a session; none when there is no such session.

    Errors: `INVALID_REQUEST` when neither `key` nor `sessionKey` is given.
    """

    key: Key | None = None
    session_key: Key | None = None
    agent_id: AgentId | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None


PreviewRole = Literal["user", "assistant", "tool", "system", "other"]


class PreviewItem(Wire):
    """One line of a preview."""

    role: PreviewRole
    text: str


class Preview(Wire):
    """The last lines of one session."""

    key: str
    status: Literal["ok", "empty", "missing"]
    items: list[PreviewItem]


class Previews(Wire):
    """Previews in the order asked for."""

    ts: int
    previews: list[Preview]


@method("sessions.preview", Scope.READ)
class SessionsPreview(Call[Previews]):
    """The last lines of up to 64 sessions; further keys are ignored."""

    keys: Annotated[list[Key], Meta(min_length=1)]
    limit: Annotated[int, Meta(ge=1)] = 12
    max_chars: Annotated[int, Meta(ge=20)] = 240


class Reference(Wire):
    """A session of a link: its key, and the name it had when the link was made."""

    key: Key
    slug: Key | None = None


class Candidate(Wire):
    """A session that a name may mean."""

    key: str
    agent_id: str
    display_name: str | None = None
    board_face: Literal["chat", "dashboard"] | None = None


class Resolved(Wire):
    """The session meant, or the candidates when several are."""

    ok: bool
    key: str | None = None
    agent_id: str | None = None
    display_name: str | None = None
    board_face: Literal["chat", "dashboard"] | None = None
    candidates: list[Candidate] | None = None


@method("sessions.resolve", Scope.READ)
class SessionsResolve(Call[Resolved]):
    """Which session a key, id, label, short id or link means; exactly one of them is given.

    Errors: `INVALID_REQUEST` when none or several are given; `NOT_FOUND` without `allowMissing`.
    """

    key: Key | None = None
    session_id: Key | None = None
    label: Label | None = None
    short_id: Key | None = None
    """Beginning of the UUID at the end of a key, without dashes."""
    slug_hint: Key | None = None
    reference: Reference | None = None
    agent_id: AgentId | None = None
    spawned_by: Key | None = None
    include_global: bool = False
    include_unknown: bool = False
    allow_missing: bool = False


class SearchScope(Wire):
    """Which sessions a search covers."""

    agent_id: AgentId | None = None
    include_global: bool = False
    include_unknown: bool = False
    configured_agents_only: bool = False
    exclude_subagents: bool = False
    exclude_cron: bool = False
    exclude_system: bool = False
    archived: bool | Literal["all"] = False


class SearchResult(Wire):
    """A message that matched."""

    session_key: str
    session_id: str
    message_id: str
    role: str
    timestamp: int
    snippet: str
    score: float


class SearchResults(Wire):
    """Matches, best first; with a `scope` also the rows of their sessions."""

    results: list[SearchResult]
    sessions: list[SessionRow] | None = None
    truncated: bool | None = None


@method("sessions.search", Scope.READ)
class SessionsSearch(Call[SearchResults]):
    """Messages of people and agents that hold all words of `query`."""

    query: Annotated[str, Meta(min_length=1, max_length=4096)]
    limit: Annotated[int, Meta(ge=1, le=25)] = 10
    agent_id: AgentId | None = None
    session_keys: Annotated[list[Key], Meta(min_length=1, max_length=200)] | None = None
    scope: SearchScope | None = None


class SessionBranch(Wire):
    """One way the conversation went."""

    leaf_entry_id: str
    headline: str
    message_count: int
    active: bool
    updated_at: str | None = None
    """ISO 8601, UTC."""


class Branches(Wire):
    """Every way a conversation went, newest first."""

    branches: list[SessionBranch]


@method("sessions.branches.list", Scope.READ)
class SessionsBranchesList(Call[Branches]):
    """The branches of a session's transcript."""

    session_key: Key
    agent_id: AgentId | None = None
