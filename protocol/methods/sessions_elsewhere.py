"""Conversations of other programs, and accounts to publish a session's work with: there are none here.

OpenClaw's Control UI asks for them on every page, and shows an error when nobody answers.
Source: shapes of OpenClaw 2026.9.6 (protocol.schema.json and recorded clients).
"""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.methods.sessions import AgentId, Key
from protocol.scopes import Scope


class SessionCatalogs(Wire):
    """Catalogs of conversations that other programs keep."""

    catalogs: list[Wire]


@method("sessions.catalog.list", Scope.READ)
class SessionsCatalogList(Call[SessionCatalogs]):
    """Conversations of other programs on this machine and its nodes."""

    agent_id: AgentId | None = None
    catalog_id: Key | None = None
    search: Annotated[str, Meta(max_length=512)] | None = None


class GitHubOptions(Wire):
    """Accounts that could publish a session's work; `null` where there is none."""

    personal: None
    shared: None
    pending_personal: None
    latest_shared: None


@method("sessions.github.options", Scope.READ)
class SessionsGitHubOptions(Call[GitHubOptions]):
    """With which GitHub accounts a session's work could be published."""

    session_key: Key
    agent_id: AgentId | None = None
