"""The flat dialect: one JSON object per message, for small clients and older agent runtimes.

It is a second framing over the same methods and events, not a second protocol: a message becomes a request
frame, and responses and events become messages. `session.ack` comes at once and lists the same capabilities
as `hello-ok`.

    → {"type": "session.send", "id": "1", "content": "hello"}
    ← {"type": "session.send.result", "id": "1", "ok": true, "payload": {"runId": ...}}
    ← {"type": "session.receive", "sessionId": "agent:main:main", "content": "Hi", "final": false}
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from protocol.errors import ErrorShape, InvalidRequest
from protocol.frames import EventFrame, Response, check_values, decode_reply, encode_request
from protocol.ids import new_id
from protocol.limits import MAX_ID_CHARS

Message: TypeAlias = dict[str, Any]

MAX_SESSIONS: Final = 256
"""Sessions one client may speak in at a time; chat of the one it used longest ago is no longer delivered."""

MAX_SESSION_KEY_CHARS: Final = 512

_NAMES_A_SESSION: Final = frozenset({"session.open", "session.get", "session.resume"})
"""Messages whose result holds a session's key and id."""


class _SeenSession(msgspec.Struct, rename="camel"):
    key: str | None = None
    session_id: str | None = None
    session: "_SeenSession | None" = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Message).decode
_decode_seen: Final = msgspec.json.Decoder(_SeenSession).decode


class FlatDialect:
    """Translates one connection's messages. It remembers which session the client speaks in, nothing else."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self._session_key = f"agent:{agent_id}:main"
        self._sessions = dict.fromkeys([self._session_key])
        self._types: dict[str, str] = {}
        self._session_ids: dict[str, str] = {}
        self._ping_id = ""

    def ack(self, capabilities: list[str], methods: list[str]) -> bytes:
        """The first message of the gateway."""
        return _encode(
            {
                "type": "session.ack",
                "agentId": self._agent_id,
                "sessionId": self._session_key,
                "capabilities": capabilities,
                "methods": methods,
            }
        )

    def request(self, data: bytes) -> bytes | None:
        """The request frame a message stands for; `None` for `ping`, which `pong` answers.

        Raises:
            InvalidRequest: when it is no object with a `type`.
        """
        check_values(data)
        try:
            message = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(f"invalid message: {error}") from error
        kind = message.pop("type", None)
        if not isinstance(kind, str) or not kind:
            raise InvalidRequest("invalid message: at /type: must be a method name", {"field": "/type"})
        request_id = self._request_id(message.pop("id", None))
        if kind == "ping":
            self._ping_id = request_id
            return None
        translate = _REQUESTS.get(kind)
        method, params = translate(self, message) if translate is not None else (kind, message)
        self._types[request_id] = kind
        return encode_request(request_id, method, _encode(params))

    def pong(self) -> bytes:
        """The answer to the newest `ping`."""
        return _encode({"type": "pong", "id": self._ping_id})

    def refusal(self, error: ErrorShape) -> bytes:
        """A message that says why something was refused before it became a request."""
        return _encode({"type": "error", **_error_fields(error)})

    def message(self, frame: bytes) -> bytes | None:
        """The message for an outgoing frame; `None` for chat of sessions this client does not speak in."""
        reply = decode_reply(frame)
        return self._result(reply) if isinstance(reply, Response) else self._event(reply)

    def _request_id(self, given: Any) -> str:
        if given is None:
            return new_id()
        if not isinstance(given, str | int) or not 0 < len(str(given)) <= MAX_ID_CHARS:
            raise InvalidRequest(f"invalid message: at /id: must be text of 1-{MAX_ID_CHARS} characters")
        return str(given)

    def _result(self, reply: Response) -> bytes:
        kind = self._types.pop(reply.id, "request")
        result: Message = {"type": f"{kind}.result", "id": reply.id, "ok": reply.ok}
        if reply.payload is not msgspec.UNSET:
            result["payload"] = reply.payload
            if kind in _NAMES_A_SESSION:
                self._remember(reply.payload)
        if reply.error is not None:
            result["error"] = _error_fields(reply.error)
        return _encode(result)

    def _remember(self, payload: msgspec.Raw) -> None:
        """Keep the id behind a session key: closing a session needs the one the client has seen."""
        seen = _decode_seen(payload)
        seen = seen.session or seen
        if seen.key is not None and seen.session_id is not None:
            self._session_ids[seen.key] = seen.session_id

    def session_id(self, key: str) -> str | None:
        """The id behind a key this client opened or asked about."""
        return self._session_ids.get(key)

    def _event(self, event: EventFrame) -> bytes | None:
        if event.event == "chat":
            return self._chat(msgspec.json.decode(event.payload))
        return _encode({"type": event.event, "payload": event.payload})

    def _chat(self, payload: Message) -> bytes | None:
        state = payload.get("state")
        if payload.get("sessionKey") not in self._sessions or state == "status":
            return None
        message: Message = {
            "type": "session.receive",
            "sessionId": payload["sessionKey"],
            "runId": payload.get("runId"),
            "role": "assistant",
            "content": _text(payload.get("message")),
            "final": state != "delta",
        }
        if state == "delta":
            message["delta"] = payload.get("deltaText", "")
        if state in {"error", "aborted"}:
            message["status"] = state
            message["error"] = payload.get("errorMessage")
        return _encode(message)

    def session_key(self, message: Message) -> str:
        """The session a message names, else the one spoken in; its replies are delivered from now on."""
        named = message.pop("sessionId", None) or message.pop("sessionKey", None) or message.pop("key", None)
        if named is not None:
            if not isinstance(named, str) or len(named) > MAX_SESSION_KEY_CHARS:
                raise InvalidRequest(
                    f"invalid message: at /sessionId: must be text of 1-{MAX_SESSION_KEY_CHARS} characters",
                    {"field": "/sessionId"},
                )
            self._speak_in(named)
        return self._session_key

    def _speak_in(self, session_key: str) -> None:
        self._session_key = session_key
        self._sessions.pop(session_key, None)
        self._sessions[session_key] = None
        if len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    @property
    def agent_id(self) -> str:
        """The agent of the endpoint."""
        return self._agent_id


def _send(dialect: FlatDialect, message: Message) -> tuple[str, Message]:
    text = next((message[name] for name in ("content", "message", "text") if name in message), None)
    return "chat.send", {
        "sessionKey": dialect.session_key(message),
        "message": text,
        "idempotencyKey": message.get("idempotencyKey") or new_id(),
    }


def _open(dialect: FlatDialect, message: Message) -> tuple[str, Message]:
    return "sessions.create", {"key": dialect.session_key(message), "agentId": dialect.agent_id}


def _get(dialect: FlatDialect, message: Message) -> tuple[str, Message]:
    return "sessions.describe", {"key": dialect.session_key(message)}


def _close(dialect: FlatDialect, message: Message) -> tuple[str, Message]:
    key = dialect.session_key(message)
    return "sessions.patch", {"key": key, "archived": True, "expectedSessionId": dialect.session_id(key)}


def _list(dialect: FlatDialect, message: Message) -> tuple[str, Message]:
    return "sessions.list", {"agentId": dialect.agent_id, **message}


_REQUESTS: Final[dict[str, Callable[[FlatDialect, Message], tuple[str, Message]]]] = {
    "chat.send": _send,
    "session.send": _send,
    "session.open": _open,
    "session.resume": _get,
    "session.get": _get,
    "session.close": _close,
    "session.list": _list,
}


def _error_fields(error: ErrorShape) -> Message:
    fields: Message = {"code": error.code, "message": error.message}
    if error.details is not msgspec.UNSET:
        fields["details"] = error.details
    if error.retryable:
        fields["retryable"] = True
    return fields


def _text(message: Any) -> str:
    """The text of a chat message, whose content is text or a list of blocks."""
    if message is None:
        return ""
    content = message["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
