"""What a peer's message may cost, and what is remembered of it (cases 28 and 29, R24)."""

import json
from typing import Any

import pytest

from protocol import flat
from protocol.errors import ErrorShape, InvalidRequest
from protocol.flat import FlatDialect
from protocol.frames import MAX_MESSAGE_CHARS, check_values, decode_request, encode_failure, encode_result
from protocol.limits import MAX_ID_CHARS, MAX_VALUES


def request(params: str) -> bytes:
    """A request frame around JSON text."""
    return b'{"type":"req","id":"1","method":"health","params":%b}' % params.encode()


def values(count: int) -> str:
    """A list of so many numbers."""
    return "[" + ",".join("1" * count) + "]"


def test_as_many_values_as_are_decoded_quickly() -> None:
    frame = request(values(MAX_VALUES - 2))
    assert frame.count(b",") == MAX_VALUES
    assert decode_request(frame).method == "health"
    with pytest.raises(InvalidRequest, match=f"more than {MAX_VALUES} values"):
        decode_request(request(values(MAX_VALUES - 1)))


def test_long_text_without_many_values_is_no_bomb() -> None:
    check_values(request(json.dumps("x" * 10 * MAX_VALUES)))
    check_values("," * MAX_VALUES)
    with pytest.raises(InvalidRequest):
        check_values("," * (MAX_VALUES + 1))


@pytest.mark.parametrize("method", ["", "m" * (MAX_ID_CHARS + 1)])
def test_a_method_name_has_bounds(method: str) -> None:
    with pytest.raises(InvalidRequest, match="method must have 1-128 characters") as refused:
        decode_request(json.dumps({"type": "req", "id": "1", "method": method}))
    assert refused.value.details == {"field": "method"}


def test_an_error_text_is_cut_but_never_split_from_its_code() -> None:
    sent: dict[str, Any] = json.loads(
        encode_failure("1", ErrorShape(code="INVALID_REQUEST", message="m" * 9999))
    )
    assert sent["error"]["code"] == "INVALID_REQUEST"
    assert sent["error"]["message"] == "m" * (MAX_MESSAGE_CHARS - 1) + "…"


def translated(dialect: FlatDialect, **message: Any) -> dict[str, Any]:
    """The request frame of a flat message."""
    frame = dialect.request(json.dumps(message).encode())
    assert frame is not None
    return json.loads(frame)


def answered(dialect: FlatDialect, request_id: str) -> dict[str, Any]:
    """The flat message for a result."""
    message = dialect.message(encode_result(request_id, b"{}"))
    assert message is not None
    return json.loads(message)


def test_a_refused_flat_message_leaves_nothing_behind() -> None:
    dialect = FlatDialect("main")
    with pytest.raises(InvalidRequest, match="/sessionId"):
        dialect.request(b'{"type":"session.open","id":"7","sessionId":5}')
    assert answered(dialect, "7")["type"] == "request.result"


@pytest.mark.parametrize("session_id", [5, ["a"], "x" * (flat.MAX_SESSION_KEY_CHARS + 1)])
def test_a_flat_session_id_is_short_text(session_id: object) -> None:
    with pytest.raises(InvalidRequest, match="text of 1-512 characters"):
        translated(FlatDialect("main"), type="session.open", sessionId=session_id)


def test_pong_answers_the_ping_whatever_else_waits() -> None:
    dialect = FlatDialect("main")
    translated(dialect, type="health", id="1")
    for ping_id in ("2", "1"):
        assert dialect.request(json.dumps({"type": "ping", "id": ping_id}).encode()) is None
        assert json.loads(dialect.pong()) == {"type": "pong", "id": ping_id}
    assert answered(dialect, "1")["type"] == "health.result"


def chat(session_key: str) -> bytes:
    """A chat event of a session."""
    payload = {"sessionKey": session_key, "state": "final", "runId": "r", "message": {"content": "hi"}}
    return json.dumps({"type": "event", "event": "chat", "payload": payload}).encode()


def test_only_the_newest_sessions_of_a_flat_client_are_delivered() -> None:
    dialect = FlatDialect("main")
    keys = [f"agent:main:s{number}" for number in range(flat.MAX_SESSIONS + 1)]
    for key in keys:
        translated(dialect, type="session.open", sessionId=key)
    assert dialect.message(chat(keys[0])) is None
    assert dialect.message(chat(keys[1])) is not None
    translated(dialect, type="session.open", sessionId=keys[1])
    translated(dialect, type="session.open", sessionId="agent:main:new")
    assert dialect.message(chat(keys[1])) is not None
    assert dialect.message(chat(keys[2])) is None
