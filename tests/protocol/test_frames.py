"""Frames: two-stage decoding, splicing, and hostile JSON (cases 29, R24; row S3.T-2)."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorShape, InvalidRequest, MissingScope, NotFound, Overloaded
from protocol.frames import (
    EncodedEvent,
    EventFrame,
    Response,
    StateVersion,
    decode_reply,
    decode_request,
    encode_failure,
    encode_request,
    encode_result,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ids = st.text(min_size=1, max_size=128).filter(lambda text: text.isprintable())


@given(ids, st.text(min_size=1, max_size=40), json_values)
def test_a_request_survives_the_wire(request_id: str, method: str, params: object) -> None:
    frame = encode_request(request_id, method, msgspec.json.encode(params))
    request = decode_request(frame)
    assert (request.id, request.method) == (request_id, method)
    assert msgspec.json.decode(request.params) == params


@given(ids, json_values)
def test_a_spliced_response_is_what_encoding_it_whole_would_give(request_id: str, payload: object) -> None:
    reply = decode_reply(encode_result(request_id, msgspec.json.encode(payload)))
    assert isinstance(reply, Response)
    assert (reply.id, reply.ok) == (request_id, True)
    assert msgspec.json.decode(reply.payload or b"") == payload


@given(st.text(min_size=1, max_size=40), json_values, st.none() | st.integers(0, 10**9))
def test_a_spliced_event_carries_exactly_what_differs(name: str, payload: object, seq: int | None) -> None:
    encoded = EncodedEvent.of(name, msgspec.json.encode(payload), StateVersion(3, 4))
    for cursor in (None, 17):
        event = decode_reply(encoded.frame(seq, cursor))
        assert isinstance(event, EventFrame)
        assert (event.event, event.seq, event.cursor) == (name, seq, cursor)
        assert event.state_version == StateVersion(3, 4)
        assert msgspec.json.decode(event.payload) == payload


def test_a_failure_may_carry_a_payload_beside_the_error() -> None:
    shape = NotFound("no such run", {"field": "runId"}).shape()
    reply = decode_reply(encode_failure("1", shape, b'{"runId":"r"}'))
    assert isinstance(reply, Response)
    assert reply.error == shape
    assert msgspec.json.decode(reply.payload or b"") == {"runId": "r"}


def test_errors_say_what_the_original_says() -> None:
    shape = MissingScope("operator.read", ("operator.read",)).shape()
    assert msgspec.to_builtins(shape, enc_hook=msgspec.json.decode) == {
        "code": "FORBIDDEN",
        "message": "missing scope: operator.read",
        "details": {
            "code": "MISSING_SCOPE",
            "missingScope": "operator.read",
            "requiredScopes": ["operator.read"],
        },
    }
    assert Overloaded("later").shape() == ErrorShape(
        code="UNAVAILABLE", message="later", retryable=True, retry_after_ms=500
    )


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b'{"type":"res","id":"1","ok":true}',
    b'{"type":"req"}',
    b'{"type":"req","id":1,"method":"health"}',
    b'{"type":"req","id":"","method":"health"}',
    b'{"type":"req","id":"1","method":null}',
    b'{"type":"req","id":"1","method":"health","params":NaN}',
    b'{"type":"req","id":"1","method":"health","params":Infinity}',
    b'{"type":"req","id":"1","method":"health","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"type":"req","id":"' + b"x" * 129 + b'","method":"health"}',
    b'{"type":"req","id":"1","method":"health","traceparent":"' + b"x" * 129 + b'"}',
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_frames_are_typed_errors(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_request(data)


@pytest.mark.parametrize(
    "params",
    [
        b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(200_000)) + b"}",
        b'{"a":1,"a":2,"__proto__":{"x":1}}',
        b"1" * 1_000_000,
        b'"\\ud800"',
    ],
    ids=["wide", "duplicate keys", "a million digits", "lone surrogate"],
)
def test_odd_parameters_stay_raw_until_a_method_wants_them(params: bytes) -> None:
    """Nothing of a frame is built before its method is known, so width costs no time."""
    started = time.perf_counter()
    try:
        request = decode_request(b'{"type":"req","id":"1","method":"x","params":' + params + b"}")
    except InvalidRequest:
        pass
    else:
        assert request.method == "x"
    assert time.perf_counter() - started < 0.1
