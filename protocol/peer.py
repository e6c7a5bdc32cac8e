"""The client's side of a connection after `hello-ok`, without I/O.

It numbers requests, matches answers to them, checks that events arrive without a gap, and knows when a
request or the whole connection has been silent for too long. The command line and the device node drive it
over their sockets.
"""

from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec

from protocol.errors import ErrorShape, GatewayError, InvalidRequest, JsonValue, TimedOut
from protocol.frames import NULL, EventFrame, decode_reply, encode_request
from protocol.limits import REQUEST_TIMEOUT_MS, TICK_INTERVAL_MS
from protocol.method import EVENTS, Call, Event, decode_result

R = TypeVar("R")

SILENT_TICKS: Final = 2
"""How many tick intervals without any frame mean a dead connection. Source: OpenClaw's reference client."""

_encode: Final = msgspec.json.Encoder().encode


class RemoteError(GatewayError):
    """An error answered by the gateway, exactly as it came."""

    def __init__(self, shape: ErrorShape) -> None:
        details: JsonValue = msgspec.json.decode(shape.details) if shape.details else None
        super().__init__(shape.message, details if isinstance(details, dict) else None)
        self.wire_code = shape.code
        self.retryable = bool(shape.retryable)
        self.retry_after_ms = shape.retry_after_ms


class Pending(Generic[R]):
    """A request under way; `deadline_ms` is on the clock the caller passes in."""

    __slots__ = ("deadline_ms", "id", "method", "result")

    def __init__(self, request_id: str, method: str, result: Any, deadline_ms: int | None) -> None:
        self.id = request_id
        self.method = method
        self.result = result
        self.deadline_ms = deadline_ms


class Answered(msgspec.Struct, frozen=True):
    """A response: `value` is the decoded result, or `error` says why there is none."""

    request: Pending[Any]
    value: Any
    error: GatewayError | None


class Happened(msgspec.Struct, frozen=True):
    """An event; `payload` is decoded when its name is declared, else `None`."""

    name: str
    payload: Event | None
    raw: msgspec.Raw
    cursor: int | None
    missed: int
    """How many sequence numbers were skipped before this one; more than 0 means: read the state again."""


class ClientPeer:
    """Requests out, answers and events in."""

    def __init__(self, now_ms: int, tick_interval_ms: int = TICK_INTERVAL_MS) -> None:
        self._tick_interval_ms = tick_interval_ms
        self._heard_ms = now_ms
        self._next_id = 1
        self._pending: dict[str, Pending[Any]] = {}
        self._seq = 0
        self.cursor: int | None = None
        """Cursor of the newest event, for a connection that negotiated `event-resume`."""

    def request(
        self, call: Call[R], now_ms: int, timeout_ms: int | None = REQUEST_TIMEOUT_MS
    ) -> tuple[Pending[R], bytes]:
        """The frame that makes a call, and what its answer will be matched with."""
        request_id = str(self._next_id)
        self._next_id += 1
        deadline_ms = None if timeout_ms is None else now_ms + timeout_ms
        pending: Pending[R] = Pending(request_id, call.wire_name, type(call).result_type(), deadline_ms)
        self._pending[request_id] = pending
        return pending, encode_request(request_id, call.wire_name, _encode(call))

    def raw_request(
        self, method: str, params: JsonValue, now_ms: int, timeout_ms: int | None = REQUEST_TIMEOUT_MS
    ) -> tuple[Pending[JsonValue], bytes]:
        """As `request`, for a method known only by name."""
        request_id = str(self._next_id)
        self._next_id += 1
        deadline_ms = None if timeout_ms is None else now_ms + timeout_ms
        pending: Pending[JsonValue] = Pending(request_id, method, JsonValue, deadline_ms)
        self._pending[request_id] = pending
        return pending, encode_request(request_id, method, _encode(params))

    def expect_again(self, pending: Pending[Any], deadline_ms: int | None) -> None:
        """Wait for a second answer on the same id, as `agent` gives."""
        pending.deadline_ms = deadline_ms
        self._pending[pending.id] = pending

    def receive(self, data: str | bytes, now_ms: int) -> Answered | Happened | None:
        """What a frame means; `None` for an answer nobody waits for any more.

        Raises:
            InvalidRequest: when it is no frame of this protocol.
        """
        self._heard_ms = now_ms
        frame = decode_reply(data)
        if isinstance(frame, EventFrame):
            return self._event(frame)
        request = self._pending.pop(frame.id, None)
        if request is None:
            return None
        if not frame.ok:
            shape = frame.error or ErrorShape(code="UNAVAILABLE", message="the gateway gave no reason")
            return Answered(request, None, RemoteError(shape))
        return _decoded(request, frame.payload)

    def expire(self, now_ms: int) -> Iterator[Answered]:
        """Requests whose deadline passed, each answered with `TimedOut`."""
        late = [p for p in self._pending.values() if p.deadline_ms is not None and p.deadline_ms <= now_ms]
        for request in late:
            del self._pending[request.id]
            yield Answered(request, None, TimedOut(f"{request.method} was not answered in time; try again"))

    def next_deadline_ms(self) -> int:
        """When to look again: the earliest request deadline, or when silence would mean a dead connection."""
        deadlines = [p.deadline_ms for p in self._pending.values() if p.deadline_ms is not None]
        return min([*deadlines, self._heard_ms + SILENT_TICKS * self._tick_interval_ms])

    def silent(self, now_ms: int) -> bool:
        """Whether nothing at all arrived for two tick intervals: the connection is dead."""
        return now_ms - self._heard_ms > SILENT_TICKS * self._tick_interval_ms

    def _event(self, frame: EventFrame) -> Happened:
        missed = 0
        if frame.seq is not None:
            missed = max(0, frame.seq - self._seq - 1)
            self._seq = frame.seq
        if frame.cursor is not None:
            self.cursor = frame.cursor
        kind = EVENTS.get(frame.event)
        payload: Event | None = None
        if kind is not None:
            try:
                payload = msgspec.json.decode(frame.payload, type=kind)
            except msgspec.MsgspecError as error:
                raise InvalidRequest(f"invalid {frame.event} event: {error}") from error
        return Happened(frame.event, payload, frame.payload, frame.cursor, missed)


def _decoded(request: Pending[Any], payload: msgspec.Raw | msgspec.UnsetType) -> Answered:
    raw = payload if payload is not msgspec.UNSET else NULL
    try:
        return Answered(request, decode_result(raw, request.result), None)
    except msgspec.MsgspecError as error:
        return Answered(
            request, None, InvalidRequest(f"the answer to {request.method} is not what was agreed: {error}")
        )
