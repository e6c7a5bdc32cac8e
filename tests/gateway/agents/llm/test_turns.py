"""A turn with a scripted model over HTTP: streaming, tools, history, steering (row S0.G-9)."""

import json
from typing import Any

import pytest

from gateway.agents.model import (
    Attachment,
    Finished,
    HistoryMessage,
    ModelSelected,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolFinished,
    ToolResultBlock,
    ToolStarted,
    ToolUpdated,
    UsageReported,
)
from protocol.scopes import Scope
from tests.gateway.agents.llm.conftest import Bench
from tests.support.model_server import ModelServer
from tests.support.turns import text_of, turn_of


def asked(server: ModelServer, index: int = -1) -> list[dict[str, Any]]:
    """The messages of a request."""
    return server.script.requests[index]["messages"]  # type: ignore[return-value]


async def test_an_answer_streams_word_by_word_and_is_counted(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run("hello there")
    assert events[0] == ModelSelected("local", "scripted")
    assert text_of(events) == "Hello from the scripted model. You said: hello there"
    assert len([event for event in events if isinstance(event, TextDelta)]) > 5
    usage = next(event for event in events if isinstance(event, UsageReported))
    assert usage.output_tokens > 5
    assert usage.cost_usd == 0.0  # a provider on this machine is free
    assert events[-1] == Finished("stop")
    rows = await bench.rows(
        "state, provider, model, agent_id, session_key, run_id, input_tokens, output_tokens"
    )
    assert rows == [
        (
            "settled",
            "local",
            "scripted",
            "main",
            "agent:main:main",
            "run-1",
            usage.input_tokens,
            usage.output_tokens,
        )
    ]


async def test_a_tool_goes_round_trip(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run('TOOL:add {"a": 2, "b": 3}')
        offered = {tool["function"]["name"]: tool["function"] for tool in server.script.requests[0]["tools"]}  # type: ignore[index]
        returned = asked(server)[-1]
    started = next(event for event in events if isinstance(event, ToolStarted))
    finished = next(event for event in events if isinstance(event, ToolFinished))
    assert (started.name, started.args) == ("add", {"a": 2, "b": 3})
    assert [event.partial for event in events if isinstance(event, ToolUpdated)] == ["adding"]
    assert finished == ToolFinished(started.call_id, "add", "5 for client:test", False, finished.duration_ms)
    assert text_of(events) == "The tool said: 5 for client:test"
    assert offered["add"]["parameters"]["properties"]["a"] == {"type": "integer"}
    assert offered["add"]["parameters"]["required"] == ["a"]
    assert (returned["role"], returned["tool_call_id"]) == ("tool", started.call_id)
    assert len(await bench.rows("id")) == 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ('add {"a": "two"}', "invalid arguments for add: Expected `int`"),
        ('add {"a": 1, "b": -1}', "invalid arguments for add"),
        ("nothing {}", "there is no tool 'nothing'"),
        ("add {a: 1}", "the arguments for add are not a JSON object"),
        ('lose {"a": 1}', "it is lost"),
        ('crash {"a": 1}', "crash failed inside the gateway"),
    ],
)
async def test_a_failing_tool_is_told_to_the_model(bench: Bench, provider: Any, call: str, said: str) -> None:
    """Bad input: whatever a model asks for, it gets an answer and the turn goes on."""
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run(f"TOOL:{call}")
    finished = next(event for event in events if isinstance(event, ToolFinished))
    assert finished.is_error is True
    assert said in finished.result
    assert events[-1] == Finished("stop")


async def test_only_allowed_tools_are_offered_and_run(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run('TOOL:add {"a": 1}', tools_allow=("lo*",))
        offered = [tool["function"]["name"] for tool in server.script.requests[0]["tools"]]  # type: ignore[index]
    assert offered == ["lose"]
    assert (
        next(event for event in events if isinstance(event, ToolFinished)).result == "there is no tool 'add'"
    )


async def test_a_stranger_gets_no_tools(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        await bench.run(turn_of("hello", scopes=()))
        assert not server.script.requests[0].get("tools")


async def test_a_model_that_never_stops_calling_tools_is_stopped(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)}, max_tool_rounds=1)
        events = await bench.run('TOOL:add {"a": 1}')
    assert events[-1] == Finished("tool_limit")


async def test_the_model_sees_the_conversation_and_its_instructions(bench: Bench, provider: Any) -> None:
    (bench.workspace / "SOUL.md").write_text("Speak like a lobster.")
    (bench.workspace / "AGENTS.md").symlink_to("/etc/hostname")
    skill = bench.workspace / "skills" / "knots"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: knots\ndescription: Tie knots.\n---\nAlways twice.\n")
    history = (
        HistoryMessage("user", (TextBlock("what is 1+1"),)),
        HistoryMessage("assistant", (TextBlock("let me see"), ToolCallBlock("c1", "add", {"a": 1}))),
        HistoryMessage("tool", (ToolResultBlock("c1", "add", "2"), ToolResultBlock("lost", "add", "9"))),
        HistoryMessage("assistant", (TextBlock("2"), ToolCallBlock("unanswered", "add", {}))),
    )
    turn = turn_of("and 2+2?", history=history, extra_system="It is raining.")
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        await bench.run(turn, system_prompt="You are a calculator.")
        messages = asked(server)
    system = messages[0]["content"]
    assert messages[0]["role"] == "system"
    for part in ("You are a calculator.", "Speak like a lobster.", "It is raining.", "- knots: Tie knots."):
        assert part in system
    assert "# AGENTS.md" not in system
    assert [message["role"] for message in messages[1:]] == ["user", "assistant", "tool", "assistant", "user"]
    assert json.dumps(messages).count("unanswered") == 0
    assert json.dumps(messages).count("lost") == 0


async def test_attachments_are_shown_as_far_as_the_model_can_see(bench: Bench, provider: Any) -> None:
    def file(kind: str, name: str, data: bytes) -> Attachment:
        async def read() -> bytes:
            return data

        return Attachment(media_type=kind, file_name=name, size_bytes=len(data), read=read)

    files = (
        file("text/plain", "notes.txt", b"the code is 1234"),
        file("image/png", "photo.png", b"\x89PNG"),
        file("application/zip", "all.zip", b"PK"),
    )
    async with ModelServer() as server:
        models = {"scripted": {}, "seeing": {"images": True}}
        bench.configure(providers={"local": provider(server.base_url, models=models)})
        await bench.run(turn_of("look", attachments=files))
        blind = json.dumps(asked(server)[-1])
        await bench.run(turn_of("look", attachments=files), model="local/seeing")
        seeing = json.dumps(asked(server)[-1])
    assert "the code is 1234" in blind
    assert "photo.png" in blind
    assert "image_url" not in blind
    assert "data:image/png;base64," in seeing
    assert "all.zip" in seeing


async def test_messages_that_arrive_meanwhile_join_the_turn(bench: Bench, provider: Any) -> None:
    class Later:
        def __init__(self) -> None:
            self.waiting = [("make it short",), ()]

        async def next_messages(self) -> tuple[str, ...]:
            return self.waiting.pop(0)

    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run("tell me all", Later())
        assert asked(server)[-1]["content"] == "make it short"
    assert text_of(events).endswith("\n\nHello from the scripted model. You said: make it short")
    assert len([event for event in events if isinstance(event, ModelSelected)]) == 1


async def test_the_session_may_choose_another_model(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url), "other": provider(server.base_url)})
        events = await bench.run(turn_of("hi", model="other/big"))
        assert server.script.requests[-1]["model"] == "big"
    assert events[0] == ModelSelected("other", "big")


async def test_a_tool_needs_the_persons_scope(bench: Bench, provider: Any) -> None:
    async with ModelServer() as server:
        bench.configure(providers={"local": provider(server.base_url)})
        events = await bench.run(turn_of('TOOL:add {"a": 1}', scopes=(Scope.PAIRING,)))
    assert "lacks operator.read" in next(e for e in events if isinstance(e, ToolFinished)).result
