"""The agents themselves, and the files that shape them.

Source: OpenClaw docs/gateway/protocol/rpc-talk-config-and-agents.md (2026.9.6) and its published schema.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import UNSET, Call, Maybe, Wire, method
from protocol.nouns.agent import AgentFile, AgentSummary, WorkspaceEntry, WorkspaceFile
from protocol.scopes import Scope

AgentName = Annotated[str, Meta(min_length=1, max_length=128)]
ModelRef = Annotated[str, Meta(min_length=1, max_length=256)]
"""`provider/model`."""
FileName = Annotated[str, Meta(min_length=1, max_length=255)]
RelativePath = Annotated[str, Meta(max_length=1024)]

MAX_FILE_CHARS = 1_000_000
"""The largest file a client may write; what an agent reads of it at the start of a turn is far less."""


class AgentsListResult(Wire):
    """All agents, and where a client without a choice of its own talks to."""

    default_id: str
    ownership: Literal["sole", "explicit"]
    selection_required: bool
    main_key: str
    scope: Literal["per-sender", "global"]
    agents: list[AgentSummary]


@method("agents.list", Scope.READ)
class AgentsList(Call[AgentsListResult]):
    """List the agents, the default one first."""


class AgentsCreateResult(Wire):
    """The agent as made."""

    ok: bool
    agent_id: str
    name: str
    workspace: str
    model: str | None = None


@method("agents.create", Scope.ADMIN)
class AgentsCreate(Call[AgentsCreateResult]):
    """Make an agent. Its id is its name in lower case; without a model it is the embedded offline assistant.

    Errors: ``CONFLICT`` when there is an agent of that id. Programs (`command` agents) are set up in the
    configuration file only, because they run as the gateway's user.
    """

    name: AgentName
    workspace: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    """Absolute folder; None: one of its own inside the gateway's home."""
    model: ModelRef | None = None
    emoji: Annotated[str, Meta(max_length=32)] | None = None
    avatar: Annotated[str, Meta(max_length=2048)] | None = None
    fallbacks: Annotated[list[ModelRef], Meta(max_length=8)] | None = None
    """Homarus only: models tried in order when the first fails."""
    system_prompt: Annotated[str, Meta(max_length=32_000)] | None = None
    """Homarus only."""
    tools: Annotated[list[AgentName], Meta(max_length=200)] | None = None
    """Homarus only: names or `prefix.*` of the tools it may use; None means all."""


class AgentsUpdateResult(Wire):
    """The id of the agent that was changed."""

    ok: bool
    agent_id: str


@method("agents.update", Scope.ADMIN)
class AgentsUpdate(Call[AgentsUpdateResult]):
    """Change an agent; what is absent stays as it is.

    Errors: ``NOT_FOUND``; ``CONFLICT`` when the agent comes from the configuration file.
    """

    agent_id: AgentName
    name: AgentName | None = None
    workspace: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    model: Maybe[ModelRef | None] = UNSET
    """Null takes the model away: the agent answers offline."""
    emoji: Annotated[str, Meta(max_length=32)] | None = None
    avatar: Annotated[str, Meta(max_length=2048)] | None = None
    fallbacks: Annotated[list[ModelRef], Meta(max_length=8)] | None = None
    system_prompt: Annotated[str, Meta(max_length=32_000)] | None = None
    tools: Maybe[Annotated[list[AgentName], Meta(max_length=200)] | None] = UNSET


class RemovedPath(Wire):
    """A folder that was put away."""

    path: str
    method: Literal["trash", "missing"]


class FailedPath(Wire):
    """A folder that could not be put away, and why."""

    path: str
    reason: str


class AgentsDeleteResult(Wire):
    """What was removed with the agent."""

    ok: bool
    agent_id: str
    removed_bindings: int
    removed: list[RemovedPath] | None = None
    failed: list[FailedPath] | None = None


@method("agents.delete", Scope.ADMIN)
class AgentsDelete(Call[AgentsDeleteResult]):
    """Remove an agent and what it remembers. Its conversations stay readable.

    Errors: ``NOT_FOUND``; ``CONFLICT`` for the default agent and for those of the configuration file.
    """

    agent_id: AgentName
    delete_files: bool = True
    """Move its workspace to the gateway's trash folder, when the workspace is inside the gateway's home."""


class AgentIdentityResult(Wire):
    """Name and picture of an agent."""

    agent_id: str
    name: str
    name_source: Literal["config", "agent", "workspace", "default"]
    avatar: str
    emoji: str | None = None


@method("agent.identity.get", Scope.READ)
class AgentIdentityGet(Call[AgentIdentityResult]):
    """How an agent presents itself; by agent or by session, else the default agent."""

    agent_id: AgentName | None = None
    session_key: Annotated[str, Meta(max_length=512)] | None = None


class AgentsFilesListResult(Wire):
    """The files that shape an agent, present or not, without content."""

    agent_id: str
    workspace: str
    files: list[AgentFile]


@method("agents.files.list", Scope.READ)
class AgentsFilesList(Call[AgentsFilesListResult]):
    """List the files that shape an agent."""

    agent_id: AgentName


class AgentsFilesGetResult(Wire):
    """One file with its content, or `missing`."""

    agent_id: str
    workspace: str
    file: AgentFile


@method("agents.files.get", Scope.READ)
class AgentsFilesGet(Call[AgentsFilesGetResult]):
    """Read one of the files that shape an agent."""

    agent_id: AgentName
    name: FileName


class AgentsFilesSetResult(Wire):
    """The file as written."""

    ok: bool
    agent_id: str
    workspace: str
    file: AgentFile


@method("agents.files.set", Scope.ADMIN)
class AgentsFilesSet(Call[AgentsFilesSetResult]):
    """Write one of the files that shape an agent.

    Errors: `details.type` `agent_file_conflict` with `details.currentHash` when the file changed meanwhile.
    """

    agent_id: AgentName
    name: FileName
    content: Annotated[str, Meta(max_length=MAX_FILE_CHARS)]
    expected_hash: Maybe[str | None] = UNSET
    """The `hash` it had when read; null: it must not exist. Absent: overwrite whatever is there."""


class AgentsWorkspaceListResult(Wire):
    """A page of a folder; folders first, then files, by name."""

    agent_id: str
    path: str
    parent_path: str | None = None
    entries: list[WorkspaceEntry]
    total_entries: int
    offset: int


@method("agents.workspace.list", Scope.READ)
class AgentsWorkspaceList(Call[AgentsWorkspaceListResult]):
    """List a folder of an agent's workspace."""

    agent_id: AgentName
    path: RelativePath = ""
    offset: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1)] = 200


class AgentsWorkspaceGetResult(Wire):
    """One file of a workspace."""

    agent_id: str
    file: WorkspaceFile


@method("agents.workspace.get", Scope.READ)
class AgentsWorkspaceGet(Call[AgentsWorkspaceGetResult]):
    """Read a text or an image of an agent's workspace, at most 1 MiB."""

    agent_id: AgentName
    path: Annotated[str, Meta(min_length=1, max_length=1024)]
