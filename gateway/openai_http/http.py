"""`/v1/models` and `/v1/chat/completions`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from gateway.chat.model import Outcome
from gateway.kernel.clock import Clock
from gateway.kernel.net.body import read_body
from gateway.kernel.net.routes import HttpRoutes
from gateway.kernel.ports import AgentCatalog
from gateway.kernel.supervisor import Supervisor
from gateway.openai_http.model import Chunk, CompletionRequest, Usage
from gateway.openai_http.service import Conversations, Delta, Ended
from protocol.errors import GatewayError, Unavailable
from protocol.ids import checked_id, new_id
from protocol.limits import MAX_PAYLOAD_BYTES
from protocol.scopes import Scope
from protocol.violation import violation

JSON: Final = "application/json"

HUNG_UP: Final = 499
"""Status of an answer nobody waits for any more; it appears in logs only. Source: nginx."""

T = TypeVar("T")

_request = msgspec.json.Decoder(CompletionRequest).decode

_encode = msgspec.json.Encoder().encode


class OpenAiHttp:
    """The handlers; both need a bearer token."""

    def __init__(
        self,
        conversations: Conversations,
        agents: AgentCatalog,
        routes: HttpRoutes,
        tasks: Supervisor,
        clock: Clock,
    ) -> None:
        self._conversations = conversations
        self._agents = agents
        self._routes = routes
        self._tasks = tasks
        self._clock = clock

    async def models(self, request: Request) -> Response:
        """The agents, as models."""
        principal = await self._routes.bearer(request)
        principal.require(Scope.READ)
        ids = ["homarus", "homarus/default", *(f"homarus/{name}" for name in self._agents.agent_ids())]
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "homarus"} for name in ids]
        return Response(_encode({"object": "list", "data": listed}), media_type=JSON)

    async def completions(self, request: Request) -> Response:
        """An agent's answer to the last message."""
        principal = await self._routes.bearer(request)
        principal.require(Scope.WRITE)
        try:
            call = _request(await read_body(request, MAX_PAYLOAD_BYTES))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise violation("chat completion request", error) from error
        key = request.headers.get("idempotency-key")
        run_id = checked_id(key or new_id(), "Idempotency-Key")
        reply = _Reply(f"chatcmpl-{run_id}", self._clock.now_ms() // 1000, call.model)
        answer = self._conversations.answer(call, principal, run_id, stays=key is not None)
        if not call.stream:
            return await self._while_connected(request, reply.whole(answer))
        # The first event is awaited here, so that a refusal is still an HTTP status and not a broken stream.
        first = await self._while_connected(request, anext(answer))
        if isinstance(first, Response):
            return first
        usage = call.stream_options is not None and call.stream_options.include_usage
        return _Stream(reply.events(first, answer, include_usage=usage), answer)

    async def _while_connected(self, request: Request, work: Awaitable[T]) -> T | Response:
        """What `work` returns; it is cancelled when the client hangs up, and the response is for nobody."""
        patience = asyncio.timeout(None)
        try:
            async with patience:
                watch = self._tasks.spawn("watch client", _end_at_hang_up(request, patience))
                try:
                    return await work
                finally:
                    watch.cancel()
        except TimeoutError:
            if not patience.expired():
                raise
            return Response(status_code=HUNG_UP)


async def _end_at_hang_up(request: Request, patience: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    patience.reschedule(0)


class _Stream(StreamingResponse):
    """Server-sent events that let go of the answer however the response ends."""

    def __init__(self, events: AsyncIterator[bytes], answer: AsyncGenerator[Delta | Ended]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._answer = answer

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """See `StreamingResponse`."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()


class _Reply:
    """One completion, whole or in chunks."""

    def __init__(self, completion_id: str, created_s: int, model: str) -> None:
        self._id = completion_id
        self._created_s = created_s
        self._model = model

    async def whole(self, answer: AsyncIterator[Delta | Ended]) -> Response:
        """Wait for the end and answer once.

        Raises:
            Unavailable: when the agent failed.
        """
        outcome: Outcome | None = None
        async for part in answer:
            if isinstance(part, Ended):
                outcome = part.outcome
        if outcome is None or outcome.status != "done":
            raise _failure(outcome)
        message = {"role": "assistant", "content": outcome.text}
        choice = {"index": 0, "message": message, "finish_reason": _finish(outcome)}
        body = self._chunk([choice], "chat.completion", _usage(outcome))
        return Response(_encode(body), media_type=JSON)

    async def events(
        self, first: Delta | Ended, rest: AsyncIterator[Delta | Ended], *, include_usage: bool
    ) -> AsyncIterator[bytes]:
        """Server-sent events, ended by `[DONE]`; a failure after the first one is an `error` event."""
        yield self._event({"role": "assistant", "content": ""})
        part = first
        try:
            while not isinstance(part, Ended):
                yield self._event({"content": part.text})
                part = await anext(rest)
        except GatewayError as error:
            yield _sse({"error": {"message": error.message, "type": error.code.lower()}})
            return
        if part.outcome.status != "done":
            yield _sse({"error": {"message": _failure(part.outcome).message, "type": "unavailable"}})
            return
        yield self._event({}, finish=_finish(part.outcome))
        if include_usage:
            yield _sse(self._chunk([], "chat.completion.chunk", _usage(part.outcome)))
        yield b"data: [DONE]\n\n"

    def _event(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _sse(self._chunk([choice], "chat.completion.chunk", None))

    def _chunk(self, choices: list[dict[str, Any]], kind: Any, usage: Usage | None) -> Chunk:
        return Chunk(self._id, self._created_s, self._model, choices, kind, usage)


def _sse(body: object) -> bytes:
    return b"data: " + _encode(body) + b"\n\n"


def _finish(outcome: Outcome) -> str:
    return outcome.stop_reason if outcome.stop_reason in {"stop", "length", "content_filter"} else "stop"


def _usage(outcome: Outcome) -> Usage:
    used = outcome.usage
    return Usage(used.input_tokens, used.output_tokens, used.input_tokens + used.output_tokens)


def _failure(outcome: Outcome | None) -> Unavailable:
    if outcome is not None and outcome.failure is not None:
        return Unavailable(outcome.failure.message)
    status = outcome.status if outcome is not None else "lost"
    return Unavailable(f"the answer was {status}; ask again")
