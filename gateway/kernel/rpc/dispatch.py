"""One place where requests become handler calls, and results and exceptions become frames."""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, cast

import msgspec

from gateway.kernel.log import request_context
from gateway.kernel.rpc.context import Ctx, FinalFailure, Principal
from gateway.kernel.rpc.metrics import RpcMetrics
from gateway.kernel.rpc.refusals import Refusals
from gateway.kernel.rpc.router import Handler, Router
from gateway.kernel.supervisor import Supervisor
from protocol.errors import GatewayError, Overloaded, Unavailable
from protocol.frames import Request, encode_failure, encode_result

MAX_IN_FLIGHT: Final = 128
"""Requests one connection may have running; clients pipeline a few dozen, floods are refused unstarted.
"""

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)")
"""Source: W3C Trace Context, section 3.2; a later version may have more fields at the end."""

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class Caller(Protocol):
    """The connection a request came from, as the dispatcher needs it."""

    in_flight: int

    @property
    def principal(self) -> Principal:
        """The admitted caller."""
        ...

    def reply(self, frame: bytes) -> None:
        """Queue a response; does nothing once the connection is closed."""
        ...


class Dispatcher:
    """Runs requests: finds the handler, decodes parameters, calls it, encodes what it returns or raises."""

    def __init__(
        self,
        router: Router,
        tasks: Supervisor,
        now_ms: Callable[[], int],
        metrics: RpcMetrics,
        refusals: Refusals,
    ) -> None:
        self._router = router
        self._tasks = tasks
        self._now_ms = now_ms
        self._metrics = metrics
        self._refusals = refusals
        self.max_in_flight = MAX_IN_FLIGHT

    def dispatch(self, caller: Caller, request: Request) -> None:
        """Answer `request` now or from a task of its own."""
        principal = caller.principal
        try:
            handler = self._router.find(request.method, principal.role, principal.scopes)
            call = handler.params(request)
        except GatewayError as error:
            self._fail(caller, request, error)
            return
        ctx = self._context(caller, request)
        if not handler.is_async:
            self._answer_inline(caller, request, handler, ctx, call)
        elif caller.in_flight >= self.max_in_flight:
            refusal = Overloaded(f"more than {self.max_in_flight} requests are running; wait for answers")
            self._fail(caller, request, refusal)
        else:
            caller.in_flight += 1
            self._tasks.spawn(request.method, self._answer(caller, request, handler, ctx, call))

    def _context(self, caller: Caller, request: Request) -> Ctx:
        return Ctx(
            principal=caller.principal,
            request_id=request.id,
            trace_id=_trace_id(request.traceparent),
            received_ms=self._now_ms(),
            answer_again=lambda result: self._send(caller, request, result),
        )

    def _answer_inline(self, caller: Caller, request: Request, handler: Handler, ctx: Ctx, call: Any) -> None:
        try:
            result = handler.function(ctx, call)
        except Exception as error:  # noqa: BLE001 - one of the two places that log exceptions
            self._fail(caller, request, self._mapped(request, error))
        else:
            self._send(caller, request, result)

    async def _answer(self, caller: Caller, request: Request, handler: Handler, ctx: Ctx, call: Any) -> None:
        try:
            with request_context(ctx):
                result = await cast("Awaitable[Any]", handler.function(ctx, call))
        except asyncio.CancelledError:
            self._fail(caller, request, Unavailable("the gateway is stopping; try again after it is back"))
            raise
        except Exception as error:  # noqa: BLE001 - one of the two places that log exceptions
            with request_context(ctx):
                self._fail(caller, request, self._mapped(request, error))
        else:
            self._send(caller, request, result)
        finally:
            caller.in_flight -= 1

    def _send(self, caller: Caller, request: Request, result: Any) -> None:
        try:
            frame, outcome = _encoded(request, result)
        except Exception as error:  # noqa: BLE001 - one of the two places that log exceptions
            # Half a surrogate pair, say from a file name, has no JSON form; the caller waits all the same.
            self._fail(caller, request, self._mapped(request, error))
            return
        caller.reply(frame)
        self._metrics.count(request.method, outcome)

    def _fail(self, caller: Caller, request: Request, error: GatewayError) -> None:
        self._metrics.count_failure(request.method, error)
        self._refusals.failed(caller.principal, request.method, error)
        try:
            frame = encode_failure(request.id, error.shape())
        except (TypeError, ValueError) as unsayable:
            frame = encode_failure(request.id, self._mapped(request, unsayable).shape())
        caller.reply(frame)

    def _mapped(self, request: Request, error: Exception) -> GatewayError:
        if isinstance(error, GatewayError):
            return error
        logger.error("%s failed", request.method, exc_info=error)
        return Unavailable(f"{request.method} failed inside the gateway; `homarus logs` has the details")


def _encoded(request: Request, result: Any) -> tuple[bytes, str]:
    """The frame, and the outcome to count."""
    if isinstance(result, FinalFailure):
        payload = _encode(result.payload)
        return encode_failure(request.id, result.error.shape(), payload), result.error.code
    return encode_result(request.id, _encode(result)), "ok"


def _trace_id(traceparent: str | None) -> str:
    """The trace id of a W3C `traceparent`; absent and malformed values start a fresh trace."""
    if traceparent is not None:
        given = _TRACEPARENT.match(traceparent)
        if given is not None:
            return given[1]
    return os.urandom(16).hex()
