"""A scripted model behind the OpenAI Chat Completions wire format.

It is a fake for one reason only: no real language model can be downloaded where these tests run. Everything
around the model is real (an HTTP server on its own port, bearer authentication, JSON and server-sent
events, tool calls, usage figures, error bodies), so a provider's client cannot tell it from a hosted
endpoint.

The last user message chooses the answer:

- `FAIL`: HTTP 400 with an OpenAI error body; `FAIL:503` answers that status instead
- `SLOW`: `word0 word1 ...`, `slow_words` words with `slow_step_s` between two
- `TOOL:name {json}`: a call of tool `name` with those arguments, `{}` when none are given
- anything else: `Hello from the scripted model. You said: <last line typed>`

Once a tool has answered, the turn ends with `The tool said: <result>`.

Run it alone with `python -m tests.support.model_server --port 18951`.

Source: OpenAI API reference, "Chat" and "Models" (the shapes every OpenAI-compatible server shares).
"""

import argparse
import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Self, TypeAlias, cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Json: TypeAlias = dict[str, object]

MODEL_ID = "scripted"
API_KEY = (
    "sk-scripted-model"  # any other bearer token is refused, so that a lost key shows up as a failing test
)

_FAIL = re.compile(r"\bFAIL(?::(\d{3}))?\b")
_TOOL = re.compile(r"\bTOOL:([A-Za-z0-9_.-]+)(?:\s+(\{.*\}))?", re.DOTALL)
# OpenClaw prefixes a message with its time and folder: "[Fri 2026-11-20 16:27 UTC] [Working directory: /]".
_STAMP = re.compile(r"^(?:\[[^\]]*\]\s*)+")
# The token after which a streamed answer is cut into pieces: real models stream word by word.
_PIECE = re.compile(r"\S+\s*|\s+")


@dataclass(slots=True)
class Script:
    """How the model behaves, and what it was asked."""

    slow_words: int = 200
    """Words of one `SLOW` answer."""
    slow_step_s: float = 0.05
    """Seconds between two words of a `SLOW` answer."""
    requests: list[Json] = field(default_factory=list[Json])
    """Every request body accepted, oldest first."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one completion says: words, or one tool call."""

    pieces: tuple[str, ...] = ()
    step_s: float = 0.0
    tool_name: str | None = None
    tool_arguments: str = "{}"

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.tool_name else "stop"


def message_text(message: Json) -> str:
    """The text of a chat message, whose content is a string or a list of typed parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = cast("list[Json]", content)
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")


def _is_typed(message: Json) -> bool:
    """Whether a person wrote it; OpenClaw adds messages of its own, marked `<<<`, in the person's name."""
    return message.get("role") == "user" and not message_text(message).startswith("<<<")


def _turn(messages: list[Json]) -> tuple[str, list[Json]]:
    """What the person typed last, without the stamps a framework adds, and the messages since then."""
    start = max((at for at, message in enumerate(messages) if _is_typed(message)), default=None)
    if start is None:
        return "", messages
    lines = [line for line in message_text(messages[start]).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("Runtime:")]
    return _STAMP.sub("", said[-1]).strip() if said else "", messages[start + 1 :]


def _choose(body: Json, script: Script) -> _Answer:
    said, since = _turn(cast("list[Json]", body.get("messages", [])))
    results = [message_text(message).strip() for message in since if message.get("role") == "tool"]
    if results:
        return _Answer(tuple(_PIECE.findall(f"The tool said: {results[-1][:200]}")))
    if tool := _TOOL.search(said):
        return _Answer(tool_name=tool[1], tool_arguments=tool[2] or "{}")
    if re.search(r"\bSLOW\b", said):
        return _Answer(tuple(f"word{n} " for n in range(script.slow_words)), script.slow_step_s)
    return _Answer(tuple(_PIECE.findall(f"Hello from the scripted model. You said: {said[-200:]}")))


def _usage(body: Json, answer: _Answer) -> Json:
    prompt = len(json.dumps(body.get("messages", []))) // 4
    completion = max(1, len(answer.pieces))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _error(status: int, message: str, kind: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


def _tool_calls(answer: _Answer, call_id: str) -> list[Json]:
    function = {"name": answer.tool_name, "arguments": answer.tool_arguments}
    return [{"index": 0, "id": call_id, "type": "function", "function": function}]


class ModelServer:
    """The scripted model, listening on loopback while its context is open.

    >>> async with ModelServer() as model:
    ...     model.base_url        # "http://127.0.0.1:<port>/v1"
    ...     model.script.requests  # what the gateway asked
    """

    def __init__(self, port: int = 0, script: Script | None = None) -> None:
        self.script = script or Script()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._counter = 0
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="warning", lifespan="off"))
        self._serving: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        """Start serving."""
        self._serving = asyncio.get_running_loop().create_task(self.serve())
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has a flag, not an event
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True  # a SLOW answer must not hold the test run back
        if self._serving is not None:
            await self._serving

    async def serve(self) -> None:
        """Serve until told to stop."""
        with contextlib.closing(self._socket):
            await self._server.serve(sockets=[self._socket])

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self._models, methods=["GET"]),
                Route("/v1/chat/completions", self._completions, methods=["POST"]),
            ]
        )

    async def _models(self, request: Request) -> Response:
        if refused := _unauthorized(request):
            return refused
        model = {"id": MODEL_ID, "object": "model", "created": 0, "owned_by": "tests"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _completions(self, request: Request) -> Response:
        if refused := _unauthorized(request):
            return refused
        body = cast("Json", await request.json())
        self.script.requests.append(body)
        if failure := _FAIL.search(_turn(cast("list[Json]", body.get("messages", [])))[0]):
            status = int(failure[1] or 400)
            kind = "invalid_request_error" if status < 500 else "server_error"
            return _error(status, "the scripted model was told to fail", kind)
        self._counter += 1
        answer = _choose(body, self.script)
        if body.get("stream"):
            return StreamingResponse(self._stream(body, answer), media_type="text/event-stream")
        await asyncio.sleep(answer.step_s * len(answer.pieces))
        return JSONResponse(self._completion(body, answer))

    def _head(self, kind: str) -> Json:
        return {
            "id": f"chatcmpl-{self._counter}",
            "object": kind,
            "created": int(time.time()),
            "model": MODEL_ID,
        }

    def _completion(self, body: Json, answer: _Answer) -> Json:
        message: Json = {"role": "assistant", "content": answer.text or None}
        if answer.tool_name:
            message["tool_calls"] = _tool_calls(answer, f"call_{self._counter}")
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(body, answer)}

    async def _stream(self, body: Json, answer: _Answer) -> AsyncIterator[bytes]:
        head = self._head("chat.completion.chunk")
        for delta in self._deltas(answer):
            yield _chunk(head, delta, None)
            if answer.step_s:
                await asyncio.sleep(answer.step_s)
        yield _chunk(head, {}, answer.finish_reason)
        yield _event({**head, "choices": [], "usage": _usage(body, answer)})
        yield b"data: [DONE]\n\n"

    def _deltas(self, answer: _Answer) -> Iterable[Json]:
        yield {"role": "assistant", "content": ""}
        if answer.tool_name:
            yield {"tool_calls": _tool_calls(answer, f"call_{self._counter}")}
        for piece in answer.pieces:
            yield {"content": piece}


def _unauthorized(request: Request) -> Response | None:
    if request.headers.get("authorization") == f"Bearer {API_KEY}":
        return None
    return _error(401, "Incorrect API key provided.", "invalid_request_error")


def _event(data: Json) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _chunk(head: Json, delta: Json, finish_reason: str | None) -> bytes:
    return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def main() -> None:
    """Serve on a fixed port until interrupted, for use by hand."""
    parser = argparse.ArgumentParser(description="scripted OpenAI-compatible model")
    parser.add_argument("--port", type=int, default=18951)
    options = parser.parse_args()
    server = ModelServer(cast("int", options.port))
    # A person started it by hand and needs to know where it is.
    print(f"{server.base_url} key {API_KEY} model {MODEL_ID}", flush=True)  # noqa: T201
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
