"""The tool registry: what agents may use, and what becomes of each call."""

import asyncio
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from gateway.agents.tools import (
    MAX_RESULT_CHARS,
    Tool,
    ToolContext,
    ToolRegistry,
    bounded,
    parameters_schema,
    title_of,
)
from protocol.errors import Conflict
from protocol.scopes import Scope

CONTEXT = ToolContext(
    agent_id="main", session_key="agent:main:main", run_id="r", actor="me", scopes=(Scope.READ,)
)


class Inner(msgspec.Struct):
    """A part."""

    x: int


class Args(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments."""

    word: Annotated[str, Meta(description="A word.", max_length=5)]
    inner: Inner | None = None


async def say(_: ToolContext, args: Args) -> str:
    return args.word


async def describe(_: ToolContext, args: Args) -> dict[str, Any]:
    return {"word": args.word, "inner": args.inner}


async def flood(_: ToolContext, _args: Args) -> str:
    return "a" * 50_000 + "z"


async def conflict(_: ToolContext, _args: Args) -> str:
    raise Conflict("someone was faster")


async def bug(_: ToolContext, _args: Args) -> str:
    raise KeyError("oops")


async def hang(_: ToolContext, _args: Args) -> str:
    await asyncio.Event().wait()
    return "never"


def tool(name: str, run: Any = say, *, needs: Scope = Scope.READ, timeout_s: float = 5.0) -> Tool[Args]:
    return Tool(
        name=name, title=name, description=name, params=Args, run=run, needs=needs, timeout_s=timeout_s
    )


@pytest.fixture
def registry() -> ToolRegistry:
    registry = ToolRegistry()
    for added in (
        tool("say"),
        tool("describe", describe),
        tool("flood", flood),
        tool("conflict", conflict),
        tool("bug", bug),
        tool("hang", hang, timeout_s=0.05),
        tool("write_it", needs=Scope.WRITE),
    ):
        registry.add(added)
    return registry


@pytest.mark.parametrize("name", ["", "Say", "a.b", "a b", "1st", "x" * 65, "say"])
def test_a_name_providers_would_refuse_or_that_is_taken_is_refused(registry: ToolRegistry, name: str) -> None:
    with pytest.raises(TypeError):
        registry.add(tool(name))


def test_an_agent_sees_what_its_list_and_its_person_allow(registry: ToolRegistry) -> None:
    def names(allow: tuple[str, ...] | None, *scopes: Scope) -> list[str]:
        return [found.name for found in registry.usable(allow, scopes)]

    assert "write_it" not in names(None, Scope.READ)
    assert "write_it" in names(None, Scope.WRITE)
    assert names(("write_*", "say"), Scope.WRITE) == ["say", "write_it"]
    assert names((), Scope.ADMIN) == []
    assert names(None) == []


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("say", {"word": "hi"}, "hi"),
        ("say", b'{"word":"hi"}', "hi"),
        ("describe", {"word": "hi", "inner": {"x": 1}}, '{"word":"hi","inner":{"x":1}}'),
    ],
)
async def test_a_tool_answers(registry: ToolRegistry, name: str, args: Any, text: str) -> None:
    result = await registry.call(name, CONTEXT, args)
    assert (result.text, result.is_error) == (text, False)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("gone", {}, "there is no tool 'gone'"),
        ("say", {}, "missing required field `word`"),
        ("say", {"word": "too long"}, "length <= 5"),
        ("say", {"word": "hi", "typo": 1}, "unknown field `typo`"),
        ("say", b"[1", "invalid arguments for say"),
        ("say", b"null", "invalid arguments for say"),
        ("conflict", {"word": "hi"}, "someone was faster"),
        ("bug", {"word": "hi"}, "bug failed inside the gateway"),
        ("hang", {"word": "hi"}, "did not finish within 0.05 s"),
        ("write_it", {"word": "hi"}, "lacks operator.write"),
    ],
)
async def test_whatever_goes_wrong_is_in_the_result(
    registry: ToolRegistry, name: str, args: Any, said: str
) -> None:
    """Bad input: a model may call anything with anything."""
    result = await registry.call(name, CONTEXT, args)
    assert result.is_error is True
    assert said in result.text


async def test_a_tool_outside_the_agents_list_does_not_exist(registry: ToolRegistry) -> None:
    result = await registry.call("say", CONTEXT, {"word": "hi"}, ("describe",))
    assert result.text == "there is no tool 'say'"


async def test_a_long_result_is_cut_where_it_hurts_least(registry: ToolRegistry) -> None:
    result = await registry.call("flood", CONTEXT, {"word": "hi"})
    assert len(result.text) <= MAX_RESULT_CHARS
    assert result.text.startswith("aaa")
    assert result.text.endswith("az")
    assert "characters left out" in result.text


async def test_cancelling_a_turn_cancels_its_tool(registry: ToolRegistry) -> None:
    registry.add(tool("hang_long", hang, timeout_s=60))
    call = asyncio.ensure_future(registry.call("hang_long", CONTEXT, {"word": "hi"}))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_the_schema_is_what_providers_want() -> None:
    schema = parameters_schema(Args)
    assert schema["type"] == "object"
    assert schema["properties"]["word"] == {"type": "string", "maxLength": 5, "description": "A word."}
    assert schema["required"] == ["word"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Inner"]["properties"] == {"x": {"type": "integer"}}


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 1000])
def test_bounded_text_is_bounded(length: int) -> None:
    text = "x" * length
    cut = bounded(text, 100)
    assert len(cut) <= 100
    assert cut == text or "left out" in cut


def test_a_title_is_one_short_line() -> None:
    assert (
        title_of("Recall", {"limit": 3, "query": "the\n  key " + "x" * 200}) == "Recall: the key " + "x" * 72
    )
    assert title_of("Time", {}) == "Time"
