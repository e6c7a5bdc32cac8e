"""The scripted model as an OpenAI client sees it."""

import time
from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, InternalServerError
from openai.types.chat import ChatCompletionMessageParam

from tests.support.model_server import API_KEY, MODEL_ID, ModelServer, Script


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(script=Script(slow_words=5, slow_step_s=0.02)) as model:
        yield model


@pytest.fixture
async def client(server: ModelServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key=API_KEY, max_retries=0) as openai:
        yield openai


def says(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]


async def test_models_are_listed(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == [MODEL_ID]


async def test_an_answer_with_usage(client: AsyncOpenAI, server: ModelServer) -> None:
    answer = await client.chat.completions.create(model=MODEL_ID, messages=says("hello"))
    assert answer.choices[0].message.content == "Hello from the scripted model. You said: hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert server.script.requests[0]["messages"] == says("hello")


async def test_a_stream_adds_up_to_the_answer(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model=MODEL_ID, messages=says("hello"), stream=True)
    chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "Hello from the scripted model. You said: hello"
    assert len(pieces) > 5
    assert chunks[-1].usage is not None


async def test_stamps_of_a_framework_are_not_echoed(client: AsyncOpenAI) -> None:
    wrapped = "[Fri 2026-11-20 18:51 UTC] [Working directory: /] hello\n\nRuntime: agent=main"
    answer = await client.chat.completions.create(model=MODEL_ID, messages=says(wrapped))
    assert answer.choices[0].message.content == "Hello from the scripted model. You said: hello"


async def test_slow_takes_its_time(client: AsyncOpenAI) -> None:
    started = time.monotonic()
    answer = await client.chat.completions.create(model=MODEL_ID, messages=says("SLOW please"))
    assert answer.choices[0].message.content == "word0 word1 word2 word3 word4 "
    assert time.monotonic() - started >= 0.1


async def test_a_tool_is_called_once(client: AsyncOpenAI) -> None:
    asked = says('TOOL:device_list {"kind": "node"}')
    answer = await client.chat.completions.create(model=MODEL_ID, messages=asked)
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert (calls[0].function.name, calls[0].function.arguments) == ("device_list", '{"kind": "node"}')
    assert answer.choices[0].finish_reason == "tool_calls"

    result: ChatCompletionMessageParam = {"role": "tool", "tool_call_id": calls[0].id, "content": "2 nodes"}
    # OpenClaw adds context of its own after a tool's result, in the person's name.
    context: ChatCompletionMessageParam = {"role": "user", "content": "<<<BEGIN context>>>"}
    again = await client.chat.completions.create(model=MODEL_ID, messages=[*asked, result, context])
    assert again.choices[0].message.content == "The tool said: 2 nodes"


async def test_failures(client: AsyncOpenAI, server: ModelServer) -> None:
    with pytest.raises(BadRequestError):
        await client.chat.completions.create(model=MODEL_ID, messages=says("FAIL"))
    with pytest.raises(InternalServerError) as failed:
        await client.chat.completions.create(model=MODEL_ID, messages=says("FAIL:503"))
    assert failed.value.status_code == 503
    async with AsyncOpenAI(base_url=server.base_url, api_key="sk-wrong", max_retries=0) as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.models.list()
