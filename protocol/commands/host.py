"""The machine behind a node: its folders and its MCP servers.

Source: OpenClaw docs/nodes/{file-transfers,mcp-and-skills}.md (2026.9.6) and recorded answers.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.errors import JsonValue
from protocol.method import Command, Wire, command

MAX_ENTRIES = 2000
"""Entries of one folder that are listed; the rest is left out."""


class FolderEntry(Wire):
    """One entry of a folder."""

    name: str
    path: str
    hidden: bool


class Folder(Wire):
    """A folder's own folders, by name."""

    path: str
    parent: str | None
    home: str
    entries: list[FolderEntry]


@command("fs.listDir", capability="file")
class FsListDir(Command[Folder]):
    """List the folders inside a folder; without a path, inside the owner's home.

    Errors: `INVALID_REQUEST` when it is no folder or may not be read.
    """

    path: Annotated[str, Meta(max_length=4096)] | None = None


class McpToolOutput(Wire):
    """What a tool of an MCP server gave. Source: Model Context Protocol, `CallToolResult`."""

    content: list[JsonValue]
    is_error: bool = False
    structured_content: JsonValue = None


@command("mcp.tools.call.v1", capability="mcp")
class McpToolsCall(Command[McpToolOutput]):
    """Call a tool of an MCP server that runs beside the node.

    Errors: `MCP_SERVER_UNAVAILABLE` when the server is not configured or cannot be reached.
    """

    server: Annotated[str, Meta(min_length=1, max_length=128)]
    tool: Annotated[str, Meta(min_length=1, max_length=128)]
    arguments: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
