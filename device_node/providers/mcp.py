"""`mcp.tools.call.v1`: tools of servers that run beside this node and speak the Model Context Protocol.

A server is started by the first call of one of its tools and kept until the node stops or the server ends;
the next call then starts it again.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from device_node.commands import CommandFailed, Invocation, performs
from device_node.config import McpServerSettings
from device_node.providers.finding import Family, unusable, usable
from protocol.commands.host import McpToolOutput, McpToolsCall
from protocol.errors import JsonValue
from protocol.nouns.node import McpToolRef, NodePluginTool

if TYPE_CHECKING:
    from fastmcp import Client
    from mcp_types import Tool

PERMISSION: Final = "mcp"

PLUGIN_ID: Final = "node-mcp"
"""Who lends the tools. OpenClaw's gateway takes only this name for tools of an MCP server."""

CONNECT_TIMEOUT_S: Final = 20.0
"""A program may have to be started and to load itself."""

CLOSE_TIMEOUT_S: Final = 3.0
"""A program whose input was closed gets two seconds from the library before it is ended."""

MAX_TOOLS: Final = 256
"""Lent at once; more is refused by gateways."""

MAX_DESCRIPTION_CHARS: Final = 4096
"""As the contract allows."""

_NOT_NAME: Final = re.compile(r"[^a-zA-Z0-9_]+")

logger = logging.getLogger(__name__)


class McpProvider:
    """Connections to the servers in use, and the calls over them."""

    def __init__(
        self,
        servers: Mapping[str, McpServerSettings],
        environment: Mapping[str, str],
        permissions: Mapping[str, bool],
    ) -> None:
        self._servers = dict(servers)
        self._environment = dict(environment)
        self._permissions = permissions
        self._clients: dict[str, Client[Any]] = {}
        self._starting = {name: asyncio.Lock() for name in servers}

    @performs(McpToolsCall)
    async def call(self, _: Invocation, call: McpToolsCall) -> McpToolOutput:
        """Run a tool; that it failed is part of the answer."""
        if not self._permissions.get(PERMISSION, False):
            raise _unavailable(call.server, "the owner of this node does not lend its tools")
        arguments = _arguments(call.arguments)
        client = await self._connected(call.server)
        timeout_s = self._servers[call.server].timeout_s
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED

        try:
            async with asyncio.timeout(timeout_s):
                result = await client.call_tool_mcp(call.tool, arguments)
        except TimeoutError as error:
            raise CommandFailed("TIMEOUT", f"{call.tool} did not finish within {timeout_s:g} s") from error
        except MCPError as error:
            if error.code != CONNECTION_CLOSED:
                text: JsonValue = {"type": "text", "text": str(error)}
                return McpToolOutput(content=[text], is_error=True)
            await self._drop(call.server)
            raise _unavailable(call.server, "it ended during the call") from error
        except Exception as error:
            # A foreign program behind a library: whatever it causes costs this call and its connection.
            await self._drop(call.server)
            raise _unavailable(call.server, f"{type(error).__name__}: {error}") from error
        return McpToolOutput(
            content=[
                part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in result.content
            ],
            is_error=bool(result.is_error),
            structured_content=result.structured_content,
        )

    async def tools(self) -> list[NodePluginTool]:
        """The tools of all servers, for `node.pluginTools.update`, without those of a server that fails."""
        found: dict[str, NodePluginTool] = {}
        for server in self._servers:
            try:
                client = await self._connected(server)
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    tools = await client.list_tools()
            except CommandFailed as error:
                logger.warning("%s", error.message)
            except Exception as error:  # noqa: BLE001 - a foreign program costs only its own tools
                logger.warning("MCP server %s does not list its tools: %s", server, error)
                await self._drop(server)
            else:
                found |= {lent.name: lent for lent in (_lent(server, tool) for tool in tools)}
        return list(found.values())[:MAX_TOOLS]

    async def close(self) -> None:
        """End every server."""
        await asyncio.gather(*(self._drop(name) for name in tuple(self._clients)))

    async def _connected(self, name: str) -> "Client[Any]":
        if name not in self._servers:
            raise _unavailable(name, "no server of that name is configured on this node")
        async with self._starting[name]:
            client = self._clients.get(name)
            if client is not None and client.is_connected():
                return client
            client = _client(self._servers[name], self._environment)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await client.__aenter__()
            except BaseException as error:
                await _close(client)
                if isinstance(error, Exception):
                    raise _unavailable(name, f"it cannot be reached: {error or 'no answer'}") from error
                raise
            self._clients[name] = client
            return client

    async def _drop(self, name: str) -> None:
        client = self._clients.pop(name, None)
        if client is not None:
            await _close(client)


def mcp_family(
    servers: Mapping[str, McpServerSettings], environment: Mapping[str, str], permissions: Mapping[str, bool]
) -> tuple[Family, McpProvider | None]:
    """Offered when servers are configured and the client for them is installed."""
    import importlib.util

    if not servers:
        return unusable("mcp", "no server is configured; add one as [mcp.NAME] to node.toml"), None
    if importlib.util.find_spec("fastmcp") is None:
        return unusable("mcp", "the client is not installed; run: pip install 'homarus[llm]'"), None
    provider = McpProvider(servers, environment, permissions)
    return usable("mcp", f"servers: {', '.join(sorted(servers))}", provider), provider


def _client(server: McpServerSettings, environment: Mapping[str, str]) -> "Client[Any]":
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    program, *arguments = server.argv
    transport = StdioTransport(program, arguments, env={**environment, **server.env}, keep_alive=False)
    return Client(transport, init_timeout=CONNECT_TIMEOUT_S)


async def _close(client: "Client[Any]") -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
    except Exception as error:  # noqa: BLE001 - it tells again why the connection ended
        logger.debug("MCP client closed with %s: %s", type(error).__name__, error)


def _lent(server: str, tool: "Tool") -> NodePluginTool:
    name = _NOT_NAME.sub("_", f"{server}__{tool.name}")[:64]
    described = tool.description or tool.title or tool.name
    return NodePluginTool(
        plugin_id=PLUGIN_ID,
        name=name,
        description=described[:MAX_DESCRIPTION_CHARS],
        parameters=msgspec.Raw(msgspec.json.encode(tool.input_schema)),
        command=McpToolsCall.wire_name,
        mcp=McpToolRef(server=server, tool=tool.name),
    )


def _arguments(raw: msgspec.Raw | msgspec.UnsetType) -> dict[str, Any]:
    if raw is msgspec.UNSET:
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, Any] | None) or {}
    except msgspec.ValidationError as error:
        raise CommandFailed("INVALID_REQUEST", "arguments: must be an object") from error


def _unavailable(server: str, why: str) -> CommandFailed:
    return CommandFailed("MCP_SERVER_UNAVAILABLE", f"MCP server {server}: {why}")
