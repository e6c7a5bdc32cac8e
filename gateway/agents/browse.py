"""Looking around in an agent's workspace."""

import asyncio
import base64
import mimetypes
from typing import Final

from gateway.agents.model import AgentProfile
from gateway.agents.workspace import Content, Entry, Workspace, parts
from protocol.errors import InvalidRequest, NotFound
from protocol.methods.agents import AgentsWorkspaceGetResult, AgentsWorkspaceList, AgentsWorkspaceListResult
from protocol.nouns.agent import WorkspaceEntry, WorkspaceFile

MAX_PAGE: Final = 1000

IMAGE_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-icon"}
)
"""What browsers show without running anything in it; SVG can hold scripts and is sent as text."""


class WorkspaceBrowser:
    """Lists folders and reads texts and images."""

    async def list(self, profile: AgentProfile, call: AgentsWorkspaceList) -> AgentsWorkspaceListResult:
        """One page of a folder.

        Raises:
            NotFound: there is no such folder.
            InvalidRequest: the path leaves the workspace.
        """
        path = "/".join(parts(call.path)) if call.path.strip("/.") else ""
        found = await asyncio.to_thread(Workspace(profile.workspace).entries, path)
        page = found[call.offset : call.offset + min(call.limit, MAX_PAGE)]
        return AgentsWorkspaceListResult(
            agent_id=profile.id,
            path=path,
            parent_path=path.rpartition("/")[0] if path else None,
            entries=[_entry(path, entry) for entry in page],
            total_entries=len(found),
            offset=call.offset,
        )

    async def get(self, profile: AgentProfile, path: str) -> AgentsWorkspaceGetResult:
        """One file.

        Raises:
            NotFound: there is no such file.
            InvalidRequest: it is neither text nor a common image, too large, or outside the workspace.
        """
        clean = "/".join(parts(path))
        content = await asyncio.to_thread(Workspace(profile.workspace).read, clean)
        if content is None:
            raise NotFound(f"{clean}: no such file in the workspace", {"field": "path"})
        return AgentsWorkspaceGetResult(agent_id=profile.id, file=_file(clean, content))


def _entry(folder: str, entry: Entry) -> WorkspaceEntry:
    return WorkspaceEntry(
        path=f"{folder}/{entry.name}" if folder else entry.name,
        name=entry.name,
        kind="directory" if entry.is_dir else "file",
        size=None if entry.is_dir else entry.size,
        updated_at_ms=entry.updated_ms,
    )


def _file(path: str, content: Content) -> WorkspaceFile:
    guessed = mimetypes.guess_type(path)[0] or "text/plain"
    if guessed in IMAGE_TYPES:
        encoding, text = "base64", base64.b64encode(content.data).decode()
    else:
        encoding, text = "utf8", _decoded(path, content.data)
    return WorkspaceFile(
        path=path,
        name=path.rpartition("/")[2],
        size=content.size,
        updated_at_ms=content.updated_ms,
        mime_type=guessed,
        encoding=encoding,
        content=text,
    )


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is neither UTF-8 text nor a common image", {"field": "path"}) from error
