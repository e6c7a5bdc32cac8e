"""The tools agents may use. Features fill the registry; runtimes only see what an agent may use.

    class Roll(msgspec.Struct):
        sides: Annotated[int, Meta(ge=2, le=1000)] = 6

    roll = Tool(name="roll", title="Roll", description="A die.", params=Roll, run=rolled, needs=Scope.READ)
    house.need(ToolRegistry).add(roll)

A tool answers with text or with anything that can be JSON; long results are cut before a model sees them.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, Generic, TypeVar

import msgspec

from protocol.errors import GatewayError
from protocol.nouns.tool import Risk
from protocol.scopes import Scope, allows

P = TypeVar("P", bound=msgspec.Struct)

MAX_RESULT_CHARS: Final = 16_000
"""About 4000 tokens: more of one result would push the conversation out of small models."""

TOOL_TIMEOUT_S: Final = 60.0
"""For tools that say nothing else; they answer from memory or disk and need far less."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What all providers accept as a function name."""

ToolOutput = str | Mapping[str, object] | list[Any] | msgspec.Struct

logger = logging.getLogger(__name__)


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf a tool runs."""

    agent_id: str
    session_key: str
    run_id: str
    actor: str
    scopes: tuple[Scope, ...]
    update: Callable[[str], None] = lambda _: None
    """Show what was produced so far; each call replaces the last."""


class Tool(msgspec.Struct, Generic[P], frozen=True, kw_only=True):
    """Something an agent can do."""

    name: str
    """Letters, digits and underscores; grouped by prefix, such as `sessions_list`."""
    title: str
    """For people."""
    description: str
    """For the model: what it gives, in which unit, when to use it."""
    params: type[P]
    run: Callable[[ToolContext, P], Awaitable[ToolOutput]]
    needs: Scope
    """What the person behind the turn must be allowed to do."""
    risk: Risk = "low"
    group: str = "core"
    """Id of the group in `tools.catalog`."""
    timeout_s: float = TOOL_TIMEOUT_S
    action: str | None = None
    """What the policy knows it as, such as `system.run`; its own name otherwise."""
    asks: bool = False
    """It asks for permission itself, through `gateway.approvals.permits`, once it knows exactly for what."""


Guard = Callable[["ToolContext", Tool[Any]], str | None]
"""Says why a tool must not run now, or nothing."""


def _no_objection(_: "ToolContext", __: Tool[Any]) -> str | None:
    return None


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool gave, as the model reads it."""

    text: str
    is_error: bool
    duration_ms: int


class ToolRegistry:
    """All tools by name."""

    def __init__(self, guard: Guard = _no_objection) -> None:
        self._guard = guard
        self._tools: dict[str, Tool[Any]] = {}

    def add(self, tool: Tool[P]) -> None:
        """Let agents use `tool`.

        Raises:
            TypeError: for a name that is taken or that providers would refuse.
        """
        if _NAME.fullmatch(tool.name) is None:
            raise TypeError(f"tool name {tool.name!r} must be lower case letters, digits and underscores")
        if tool.name in self._tools:
            raise TypeError(f"two tools are called {tool.name}")
        self._tools[tool.name] = tool

    def all(self) -> list[Tool[Any]]:
        """Every tool, by name."""
        return [self._tools[name] for name in sorted(self._tools)]

    def usable(self, allow: Iterable[str] | None, scopes: Iterable[Scope]) -> list[Tool[Any]]:
        """The tools an agent with the list `allow` may use for somebody with `scopes`, by name."""
        granted = tuple(scopes)
        patterns = None if allow is None else tuple(allow)
        return [tool for tool in self.all() if allows(granted, tool.needs) and listed(tool.name, patterns)]

    async def call(
        self,
        name: str,
        context: ToolContext,
        args: Mapping[str, object] | bytes,
        allow: Iterable[str] | None = None,
    ) -> ToolResult:
        """Run a tool. Whatever goes wrong is in the result, because the model is the one who must react.

        Args:
            name: What the model asked for; it may be anything.
            context: On whose behalf.
            args: Decoded, or as JSON.
            allow: The agent's list of tools; None means all.
        """
        started_s = time.monotonic()
        text, is_error = await self._outcome(name, context, args, allow)
        return ToolResult(bounded(text), is_error, round((time.monotonic() - started_s) * 1000))

    async def _outcome(
        self, name: str, context: ToolContext, args: Mapping[str, object] | bytes, allow: Iterable[str] | None
    ) -> tuple[str, bool]:
        tool = self._tools.get(name)
        if tool is None or not listed(name, allow):
            return f"there is no tool {name!r}", True
        if not allows(context.scopes, tool.needs):
            return f"{name} is not allowed: the person behind this conversation lacks {tool.needs}", True
        objection = self._guard(context, tool)
        if objection is not None:
            return objection, True
        try:
            params = decode_args(tool.params, args)
            async with asyncio.timeout(tool.timeout_s):
                return _as_text(await tool.run(context, params)), False
        except msgspec.MsgspecError as error:
            return f"invalid arguments for {name}: {error}", True
        except GatewayError as error:
            return error.message, True
        except TimeoutError:
            return f"{name} did not finish within {tool.timeout_s:g} s", True
        except (
            Exception
        ):  # a bug in one tool must not end the conversation; the model is told, the log has it
            logger.exception("tool %s failed", name)
            return f"{name} failed inside the gateway; the log has the details", True


def decode_args(params: type[P], args: Mapping[str, object] | bytes) -> P:
    """Arguments of a tool as its struct.

    Raises:
        msgspec.MsgspecError: when they do not fit.
    """
    if isinstance(args, bytes):
        return msgspec.json.decode(args or b"{}", type=params)
    return msgspec.convert(dict(args), params, strict=False)


def parameters_schema(params: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema of a tool's arguments: an object at the top, as providers want it."""
    (_,), components = msgspec.json.schema_components((params,), ref_template="#/$defs/{name}")
    schema = dict(components.pop(params.__name__))
    schema.pop("title", None)
    schema.pop("description", None)
    if components:
        schema["$defs"] = components
    return schema


def bounded(text: str, limit: int = MAX_RESULT_CHARS) -> str:
    """`text`, cut in the middle of what a model can use when it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    note = f"\n[{len(text) - limit} characters left out]\n"
    head = (limit - len(note)) * 3 // 4
    tail = limit - len(note) - head
    return f"{text[:head]}{note}{text[-tail:]}"


def listed(name: str, patterns: Iterable[str] | None) -> bool:
    """Whether a list of tools, with `*` for any end of a name, holds `name`; None holds everything."""
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


def title_of(tool_title: str, args: Mapping[str, object]) -> str:
    """One line for people: what runs, and on what."""
    shown = next((value for value in args.values() if isinstance(value, str) and value), "")
    line = " ".join(shown.split())
    return f"{tool_title}: {line[:80]}" if line else tool_title


def _as_text(output: ToolOutput) -> str:
    return output if isinstance(output, str) else msgspec.json.encode(output).decode()
