"""Agents as clients see them.

Source: OpenClaw 2026.9.6 `AgentSummary` and `AgentsFileEntry`, and the answers recorded from it.
"""

from typing import Literal

from protocol.method import Wire


class Choice(Wire):
    """An id and what people read."""

    id: str
    label: str


class AgentIdentity(Wire):
    """How an agent presents itself."""

    name: str | None = None
    emoji: str | None = None
    avatar: str | None = None


class AgentModel(Wire):
    """Which models answer for an agent, as `provider/model`."""

    primary: str
    """Never empty: the Control UI blocks its composer without it."""
    fallbacks: list[str] | None = None
    """Tried in order when the one before failed."""


class AgentRuntimeInfo(Wire):
    """What runs an agent."""

    id: str
    """`offline`, `llm` or `command`."""
    cloud_placement_supported: bool
    device_placement_supported: bool
    source: Literal["agent", "defaults", "implicit"]


class AgentSummary(Wire):
    """One agent."""

    id: str
    kind: Literal["agent", "system"]
    created_via: Literal["operator"] | None = None
    """Present for agents made with `agents.create`."""
    created_at: int | None = None
    name: str | None = None
    identity: AgentIdentity | None = None
    workspace: str
    workspace_git: bool
    agent_runtime: AgentRuntimeInfo
    thinking_levels: list[Choice]
    thinking_options: list[str]
    thinking_default: str
    model: AgentModel
    default_permission_mode: Literal["read-only", "guarded", "workspace", "full"]


class AgentFile(Wire):
    """One of the files that shape an agent's behaviour."""

    name: str
    path: str
    missing: bool
    size: int | None = None
    """Bytes."""
    updated_at_ms: int | None = None
    hash: str | None = None
    """SHA-256 of the bytes on disk, in hex; what `agents.files.set` takes as `expectedHash`."""
    content: str | None = None


class WorkspaceEntry(Wire):
    """A file or folder of an agent's workspace; `path` is relative to it."""

    path: str
    name: str
    kind: Literal["file", "directory"]
    size: int | None = None
    updated_at_ms: int | None = None


class WorkspaceFile(Wire):
    """A file of an agent's workspace with its content."""

    path: str
    name: str
    size: int
    updated_at_ms: int
    mime_type: str
    encoding: Literal["utf8", "base64"]
    content: str
