"""Looking into sessions: messages, previews, names, search, branches.

Source: shapes of OpenClaw 2026.9.6 (protocol.schema.json and recorded clients).
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.methods.sessions import AgentId, Key
from protocol.nouns.message import TranscriptMessage
from protocol.nouns.session import Label, SessionRow
from protocol.scopes import Scope


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
