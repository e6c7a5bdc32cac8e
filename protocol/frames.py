"""The three frames of the protocol, decoded in two stages and encoded by splicing.

Requests keep `params` as raw bytes until the method is known; payloads are encoded once and spliced into each
connection's envelope, because a broadcast differs between connections only in its `seq`.

Source: OpenClaw docs/gateway/protocol/transport.md, "Frame shapes" (2026.9.6).
"""

from typing import Final

import msgspec

from protocol.errors import ErrorShape, InvalidRequest
from protocol.limits import MAX_ID_CHARS, MAX_VALUES

NULL: Final = msgspec.Raw(b"null")

MAX_MESSAGE_CHARS: Final = 1024
"""Longest error text. It may quote what the peer sent, which must not come back a megabyte long."""


class Request(msgspec.Struct, frozen=True, tag_field="type", tag="req", omit_defaults=True):
    """`{type:"req", id, method, params?, traceparent?}`."""

    id: str
    method: str
    params: msgspec.Raw = NULL
    traceparent: str | None = None


class Response(msgspec.Struct, frozen=True, tag_field="type", tag="res", omit_defaults=True):
    """`{type:"res", id, ok, payload|error}`."""

    id: str
    ok: bool
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorShape | None = None


class StateVersion(msgspec.Struct, frozen=True):
    """Counters of the two snapshots a client may cache."""

    presence: int
    health: int


class EventFrame(
    msgspec.Struct, frozen=True, tag_field="type", tag="event", omit_defaults=True, rename="camel"
):
    """`{type:"event", event, payload, seq?, stateVersion?, cursor?}`; `cursor` only when resumable."""

    event: str
    payload: msgspec.Raw = NULL
    seq: int | None = None
    state_version: StateVersion | None = None
    cursor: int | None = None


_request_decoder: Final = msgspec.json.Decoder(Request)
_peer_decoder: Final = msgspec.json.Decoder(Response | EventFrame)


def check_values(data: str | bytes) -> None:
    """Refuse JSON with too many values to be decoded in one go. Counting commas takes a millisecond per MB.

    Raises:
        InvalidRequest: naming the bound.
    """
    if len(data) <= MAX_VALUES:
        return
    if (data.count(",") if isinstance(data, str) else data.count(b",")) > MAX_VALUES:
        raise InvalidRequest(f"invalid request frame: more than {MAX_VALUES} values")


def decode_request(data: str | bytes) -> Request:
    """One request frame.

    Raises:
        InvalidRequest: when it is not JSON, not a request, too wide or too deeply nested for the parser, or
        its id or method is unusable.
    """
    check_values(data)
    try:
        request = _request_decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"invalid request frame: {error}") from error
    if not 0 < len(request.id) <= MAX_ID_CHARS:
        raise InvalidRequest(
            f"invalid request frame: id must have 1-{MAX_ID_CHARS} characters", {"field": "id"}
        )
    if not 0 < len(request.method) <= MAX_ID_CHARS:
        raise InvalidRequest(
            f"invalid request frame: method must have 1-{MAX_ID_CHARS} characters", {"field": "method"}
        )
    if request.traceparent is not None and len(request.traceparent) > MAX_ID_CHARS:
        raise InvalidRequest("invalid request frame: traceparent is too long", {"field": "traceparent"})
    return request


def decode_reply(data: str | bytes) -> Response | EventFrame:
    """One frame from a gateway.

    Raises:
        InvalidRequest: when it is neither a response nor an event.
    """
    try:
        return _peer_decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"invalid gateway frame: {error}") from error


def encode_request(request_id: str, method: str, params: bytes, traceparent: str | None = None) -> bytes:
    """A request frame around already encoded `params`."""
    return msgspec.json.encode(Request(request_id, method, msgspec.Raw(params), traceparent))


def encode_result(request_id: str, payload: bytes) -> bytes:
    """A successful response around an already encoded payload."""
    return b'{"type":"res","id":%b,"ok":true,"payload":%b}' % (msgspec.json.encode(request_id), payload)


def encode_failure(request_id: str, error: ErrorShape, payload: bytes | None = None) -> bytes:
    """A failed response; `agent` sends its partial result beside the error."""
    raw = msgspec.Raw(payload) if payload is not None else msgspec.UNSET
    if len(error.message) > MAX_MESSAGE_CHARS:
        error = msgspec.structs.replace(error, message=error.message[: MAX_MESSAGE_CHARS - 1] + "…")
    return msgspec.json.encode(Response(request_id, ok=False, payload=raw, error=error))


class EncodedEvent(msgspec.Struct, frozen=True):
    """An event encoded once for all connections; `frame` adds what differs between them."""

    head: bytes

    @classmethod
    def of(cls, name: str, payload: bytes, state_version: StateVersion | None = None) -> "EncodedEvent":
        """Everything of the frame except `seq`, `cursor` and the closing brace."""
        head = b'{"type":"event","event":%b,"payload":%b' % (msgspec.json.encode(name), payload)
        if state_version is not None:
            head += b',"stateVersion":' + msgspec.json.encode(state_version)
        return cls(head)

    def frame(self, seq: int | None, cursor: int | None = None) -> bytes:
        """The frame for one connection."""
        tail = b"}" if seq is None else b',"seq":%d}' % seq
        if cursor is not None:
            tail = b',"cursor":%d%b' % (cursor, tail if seq is not None else b"}")
        return self.head + tail
