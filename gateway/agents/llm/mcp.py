"""Tools of servers that speak the Model Context Protocol.

Each server is one supervised task that holds the connection from the first turn that needs it until the
gateway stops or its settings change. A server that cannot be reached only costs its tools.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Final

import msgspec
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, Tool
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.tools import ToolDefinition

from gateway.agents.programs import bare_environment
from gateway.agents.settings import McpServer
from gateway.agents.tools import ToolResult, bounded
from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard
from gateway.kernel.supervisor import Supervisor
from protocol.errors import GatewayError

CONNECT_TIMEOUT_S: Final = 20.0
"""A program may have to be started and to load itself."""

CLOSE_TIMEOUT_S: Final = 3.0
"""A program whose input was closed gets two seconds from the library before it is ended."""

RETRY_AFTER_S: Final = 60.0
"""A server that could not be reached is left alone this long, so that not every turn waits for it again."""

_NOT_NAME: Final = re.compile(r"[^a-zA-Z0-9_]+")

logger = logging.getLogger(__name__)


class McpTool(msgspec.Struct, frozen=True):
    """A tool of a server, under the name a model calls it by."""

    server: str
    remote_name: str
    definition: ToolDefinition


class _Link:
    """The connection to one server."""

    def __init__(self, name: str, server: McpServer, toolset: MCPToolset[None]) -> None:
        self.name = name
        self.server = server
        self.toolset = toolset
        self.ready: asyncio.Future[list[McpTool]] = asyncio.get_running_loop().create_future()
        self.stop = asyncio.Event()
        self.retry_s = 0.0
        self.task: asyncio.Task[None] | None = None


class McpHub:
    """All servers in use."""

    def __init__(self, tasks: Supervisor, health: HealthBoard, clock: Clock) -> None:
        self._tasks = tasks
        self._health = health
        self._clock = clock
        self._links: dict[str, _Link] = {}

    async def tools(self, servers: Mapping[str, McpServer]) -> dict[str, McpTool]:
        """The tools of the given servers by the name a model uses; of those that can be reached."""
        found: dict[str, McpTool] = {}
        for name, server in servers.items():
            link = self._link(name, server)
            try:
                tools = await asyncio.wait_for(asyncio.shield(link.ready), CONNECT_TIMEOUT_S)
            except GatewayError:
                continue  # reported to health when it happened
            except TimeoutError:
                self._health.report(f"mcp.{name}", ok=False, detail="it did not answer in time")
                link.retry_s = self._clock.monotonic_s() + RETRY_AFTER_S
                link.stop.set()
                continue
            found |= {tool.definition.name: tool for tool in tools}
        return found

    async def call(self, tool: McpTool, args: Mapping[str, object]) -> ToolResult:
        """Run a tool; what goes wrong is in the result."""
        link = self._links.get(tool.server)
        if link is None:
            return ToolResult(f"{tool.server} is being shut down", is_error=True, duration_ms=0)
        started_s = self._clock.monotonic_s()
        is_error = True
        try:
            async with asyncio.timeout(link.server.timeout_s):
                output = await link.toolset.direct_call_tool(tool.remote_name, dict(args))
            text, is_error = _as_text(output), False
        except (ModelRetry, ToolFailed) as error:
            text = error.message
            cause = error.__cause__
            if isinstance(cause, MCPError) and cause.code == CONNECTION_CLOSED:
                link.stop.set()
        except TimeoutError:
            text = f"{tool.definition.name} did not finish within {link.server.timeout_s:g} s"
        except Exception as error:  # noqa: BLE001 - the client raises whatever a broken connection gives
            text = f"{tool.server} cannot be used: {type(error).__name__}: {error}"
            link.stop.set()
        return ToolResult(bounded(text), is_error, round((self._clock.monotonic_s() - started_s) * 1000))

    async def close(self) -> None:
        """End every connection; programs get the time they need to end themselves."""
        tasks = [link.task for link in self._links.values() if link.task is not None]
        for link in self._links.values():
            link.stop.set()
        self._links.clear()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S)

    def _link(self, name: str, server: McpServer) -> _Link:
        known = self._links.get(name)
        if known is not None:
            resting = self._clock.monotonic_s() < known.retry_s
            if known.server == server and (resting or not known.stop.is_set()):
                return known
            known.stop.set()
        link = _Link(name, server, _toolset(server))
        self._links[name] = link
        link.task = self._tasks.spawn(f"mcp {name}", self._hold(link))
        return link

    async def _hold(self, link: _Link) -> None:
        part = f"mcp.{link.name}"
        try:
            async with link.toolset:
                tools = [_tool(link.name, remote) for remote in await link.toolset.list_tools()]
                link.ready.set_result(tools)
                self._health.report(part, ok=True, detail=f"{len(tools)} tools")
                await link.stop.wait()
        except Exception as error:  # noqa: BLE001 - a foreign program: whatever it causes costs only its tools
            detail = f"{type(error).__name__}: {error}"[:300]
            logger.warning("mcp server %s: %s", link.name, detail)
            self._health.report(part, ok=False, detail=detail)
            link.stop.set()
            if not link.ready.done():
                link.retry_s = self._clock.monotonic_s() + RETRY_AFTER_S
                link.ready.set_exception(McpUnavailable(detail))
                link.ready.exception()


class McpUnavailable(GatewayError):
    """A server of tools cannot be used."""


def _toolset(server: McpServer) -> MCPToolset[None]:
    if server.url is not None:
        headers = {name: secret.reveal() for name, secret in server.headers.items()}
        transport = StreamableHttpTransport(server.url, headers=headers)
        return MCPToolset(transport, init_timeout=CONNECT_TIMEOUT_S, read_timeout=server.timeout_s)
    env = bare_environment({name: secret.reveal() for name, secret in server.env.items()})
    program = StdioTransport(server.argv[0], list(server.argv[1:]), env=env, keep_alive=False)
    return MCPToolset(program, init_timeout=CONNECT_TIMEOUT_S, read_timeout=server.timeout_s)


def _tool(server: str, remote: Tool) -> McpTool:
    name = _NOT_NAME.sub("_", f"{server}__{remote.name}")[:64]
    definition = ToolDefinition(
        name=name, description=remote.description, parameters_json_schema=dict(remote.input_schema)
    )
    return McpTool(server, remote.name, definition)


def _as_text(output: object) -> str:
    if isinstance(output, str):
        return output
    try:
        return msgspec.json.encode(output).decode()
    except (TypeError, ValueError, OverflowError):
        return str(output)
