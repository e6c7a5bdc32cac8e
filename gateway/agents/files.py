"""The files that shape an agent: read into every model's instructions, edited by people."""

import asyncio
from typing import Final

from gateway.agents.model import AgentProfile
from gateway.agents.workspace import Content, Workspace
from protocol.errors import InvalidRequest
from protocol.method import Maybe
from protocol.nouns.agent import AgentFile

SHAPING_FILES: Final = ("AGENTS.md", "SOUL.md", "IDENTITY.md", "USER.md", "MEMORY.md", "HEARTBEAT.md")
"""What clients may read and write, in this order. Source: OpenClaw docs/concepts/agent-workspace.md."""


class AgentFiles:
    """Lists, reads and writes the shaping files of agents."""

    def __init__(self) -> None:
        # Two clients that read the same hash must not both pass the guard.
        self._writing = asyncio.Lock()

    async def list(self, profile: AgentProfile) -> list[AgentFile]:
        """Every shaping file, present or not, without content."""
        return await asyncio.to_thread(_list, Workspace(profile.workspace))

    async def get(self, profile: AgentProfile, name: str) -> AgentFile:
        """One file with content and hash; `missing` when it is not there.

        Raises:
            InvalidRequest: for another name than the shaping files, or something else than a plain text file.
        """
        _check_name(name)
        workspace = Workspace(profile.workspace)
        return _file(workspace, name, await asyncio.to_thread(workspace.read, name))

    async def set(
        self, profile: AgentProfile, name: str, content: str, expected: Maybe[str | None]
    ) -> AgentFile:
        """Write one file whole, if it still has the hash `expected`.

        Args:
            profile: Whose file.
            name: One of the shaping files.
            content: The new text.
            expected: SHA-256 of what was read; None: it was missing; UNSET: do not check.

        Raises:
            InvalidRequest: for a bad name, an unsafe place, or a changed file (`agent_file_conflict`).
            Unavailable: when the disk refuses.
        """
        _check_name(name)
        workspace = Workspace(profile.workspace)
        async with self._writing:
            if expected is None or isinstance(expected, str):
                await self._guard(workspace, name, expected)
            written = await asyncio.to_thread(workspace.write, name, content.encode())
        return _file(workspace, name, written)

    @staticmethod
    async def _guard(workspace: Workspace, name: str, expected: str | None) -> None:
        found = await asyncio.to_thread(workspace.read, name)
        current = found.sha256 if found is not None else None
        if current != expected:
            raise InvalidRequest(
                f'agent file "{name}" changed since it was read; read it again and repeat the change',
                {"type": "agent_file_conflict", "currentHash": current},
            )


def _check_name(name: str) -> None:
    if name not in SHAPING_FILES:
        raise InvalidRequest(
            f'unsupported file "{name[:100]}"; one of {", ".join(SHAPING_FILES)}', {"field": "name"}
        )


def _list(workspace: Workspace) -> list[AgentFile]:
    files: list[AgentFile] = []
    for name in SHAPING_FILES:
        found = workspace.stat(name)
        path = str(workspace.root / name)
        if found is None:
            files.append(AgentFile(name=name, path=path, missing=True))
        else:
            files.append(
                AgentFile(
                    name=name, path=path, missing=False, size=found.size, updated_at_ms=found.updated_ms
                )
            )
    return files


def _file(workspace: Workspace, name: str, found: Content | None) -> AgentFile:
    path = str(workspace.root / name)
    if found is None:
        return AgentFile(name=name, path=path, missing=True)
    try:
        text = found.data.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f'agent file "{name}" is not UTF-8 text', {"field": "name"}) from error
    return AgentFile(
        name=name,
        path=path,
        missing=False,
        size=found.size,
        updated_at_ms=found.updated_ms,
        hash=found.sha256,
        content=text,
    )
