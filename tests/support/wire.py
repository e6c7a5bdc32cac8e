"""A WebSocket client that writes the protocol's frames by hand.

It shares no code with `protocol`, so that it can be the judge of it. It holds every connection to the promise
that event `seq` starts at 1 and has no gap.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

# Any: this is the wire itself, before anything has been checked.
Json = dict[str, Any]

# Long enough for a loaded two-core machine; every wait ends as soon as its frame is there.
TIMEOUT_S = 10.0
ALL_SCOPES = [
    "operator.admin",
    "operator.read",
    "operator.write",
    "operator.approvals",
    "operator.pairing",
]


class RpcError(Exception):
    """The gateway's `ok:false` answer."""

    def __init__(self, answer: Json) -> None:
        """Take a response frame with `ok:false`."""
        error: Json = answer["error"]
        super().__init__(json.dumps(error))
        self.code: str = error["code"]
        self.message: str = error["message"]
        self.details: Json = error.get("details") or {}
        self.retryable: bool | None = error.get("retryable")
        self.retry_after_ms: int | None = error.get("retryAfterMs")
        self.payload: Any = answer.get("payload")
        """A failed run of `agent` carries a payload beside the error."""


class Closed(Exception):
    """The connection ended before what was waited for arrived."""


def b64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class DeviceKey:
    """An Ed25519 device identity that proves itself like OpenClaw's clients do."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        """Raw public key, 32 bytes."""
        return self.key.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """SHA-256 of the public key, hex."""
        return hashlib.sha256(self.public).hexdigest()

    def proof(self, params: Json, challenge: Json, version: Literal["v2", "v3"] = "v3") -> Json:
        """The `device` object for connect `params`, signed over the `challenge` payload."""
        client: Json = params["client"]
        auth: Json = params.get("auth") or {}
        token: str = auth.get("token") or auth.get("deviceToken") or auth.get("bootstrapToken") or ""
        parts = [version, self.id, client["id"], client["mode"], params["role"], ",".join(params["scopes"])]
        parts += [str(challenge["ts"]), token, challenge["nonce"]]
        if version == "v3":
            parts += [client.get(name, "").strip().lower() for name in ("platform", "deviceFamily")]
        return {
            "id": self.id,
            "publicKey": b64url(self.public),
            "signature": b64url(self.key.sign("|".join(parts).encode())),
            "signedAt": challenge["ts"],
            "nonce": challenge["nonce"],
        }


def connect_params(token: str | None, **overrides: Any) -> Json:
    """`connect` params of the OpenClaw CLI; `client` is merged, any other override replaces, None removes."""
    client = {"id": "cli", "version": "2026.9.6", "platform": "linux", "deviceFamily": "Linux", "mode": "cli"}
    params: Json = {
        "minProtocol": 4,
        "maxProtocol": 4,
        "client": {**client, **overrides.pop("client", {})},
        "role": "operator",
        "scopes": list(ALL_SCOPES),
        "caps": [],
        "auth": {"token": token} if token else None,
        **overrides,
    }
    return {name: value for name, value in params.items() if value is not None}


class WireClient:
    """One connection. Every received frame stays in `frames` and every event frame also in `events`."""

    def __init__(self, socket: ClientConnection, token: str | None) -> None:
        """Start reading `socket`; use `open` instead."""
        self.socket = socket
        self.token = token
        self.challenge: Json = {}
        """Payload of `connect.challenge`."""
        self.hello: Json = {}
        """Payload of the answer to `connect`."""
        self.frames: list[Json] = []
        self.events: list[Json] = []
        self._answers: dict[str, list[Json]] = {}
        self._last_seq = 0
        self._next_id = 0
        self._fault: AssertionError | None = None
        self._ended = False
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        token: str | None = None,
        origin: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Upgrade without a User-Agent, as OpenClaw's Node clients do, and wait for the challenge.

        Raises:
            websockets.exceptions.InvalidStatus: The gateway refused the upgrade.
        """
        socket = await connect(
            url,
            additional_headers={**({"Origin": origin} if origin else {}), **(headers or {})},
            user_agent_header=None,
            max_size=None,
            ping_interval=None,  # the gateway's keepalive is under test, not ours
            proxy=None,
        )
        client = cls(socket, token)
        try:
            client.challenge = (await client.wait_event("connect.challenge"))["payload"]
        except BaseException:
            await client.abort()
            raise
        return client

    async def connect(
        self,
        *,
        identity: DeviceKey | None = None,
        proof: Literal["v2", "v3"] = "v3",
        **overrides: Any,
    ) -> Json:
        """Send `connect` and return `hello-ok`; see `connect_params` for `overrides`.

        Raises:
            RpcError: The gateway refused; `closed` then tells the close code.
        """
        params = connect_params(self.token, **overrides)
        if identity is not None and "device" not in overrides:
            params["device"] = identity.proof(params, self.challenge, proof)
        self.hello = await self.call("connect", params)
        return self.hello

    async def send_raw(self, data: str | bytes) -> None:
        """Send one frame as it is, text or binary."""
        await self.socket.send(data)

    async def request(self, method: str, params: Json | None = None, *, request_id: str | None = None) -> str:
        """Send a request without waiting; returns its id."""
        self._next_id += 1
        request_id = request_id or f"{self._next_id}:{method}"
        frame: Json = {"type": "req", "id": request_id, "method": method}
        if params is not None:
            frame["params"] = params
        await self.send_raw(json.dumps(frame))
        return request_id

    async def response(self, request_id: str, *, nth: int = 1, timeout_s: float = TIMEOUT_S) -> Json:
        """The nth response frame on `request_id`, whole; `agent` answers twice on one id."""

        def find() -> Json | None:
            answers = self._answers.get(request_id, [])
            return answers[nth - 1] if len(answers) >= nth else None

        return await self._wait(find, f"answer {nth} to {request_id}", timeout_s)

    async def call(self, method: str, params: Json | None = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Send a request and return the payload of its first answer.

        Raises:
            RpcError: The answer was `ok:false`.
            Closed: The connection ended first.
            TimeoutError: Nothing came within `timeout_s`.
        """
        answer = await self.response(await self.request(method, params), timeout_s=timeout_s)
        return payload_of(answer)

    def mark(self) -> int:
        """Position in `events`; give it as `since` to look only at what comes later."""
        return len(self.events)

    async def wait_event(
        self,
        name: str,
        matches: Callable[[Json], bool] = lambda _payload: True,
        *,
        since: int = 0,
        timeout_s: float = TIMEOUT_S,
    ) -> Json:
        """The first event frame `name` at or after `since` whose payload `matches`."""

        def find() -> Json | None:
            wanted = (frame for frame in self.events[since:] if frame["event"] == name)
            return next((frame for frame in wanted if matches(frame.get("payload") or {})), None)

        return await self._wait(find, f"event {name}", timeout_s)

    def payloads(self, name: str, since: int = 0) -> list[Json]:
        """Payloads of all events `name` received at or after `since`."""
        return [frame["payload"] for frame in self.events[since:] if frame["event"] == name]

    @property
    def close_code(self) -> int | None:
        """What the gateway closed with; None while open, 1006 when it vanished without a close frame."""
        return self.socket.close_code

    @property
    def close_reason(self) -> str | None:
        """The close frame's text; None while open."""
        return self.socket.close_reason

    async def closed(self, timeout_s: float = TIMEOUT_S) -> tuple[int | None, str | None]:
        """Wait until the gateway closes; returns code and reason."""
        async with asyncio.timeout(timeout_s):
            await asyncio.wait([self._reader])
        self._raise_fault()
        return self.close_code, self.close_reason

    async def close(self) -> None:
        """Close in order.

        Raises:
            AssertionError: The gateway broke a promise about frames or `seq` at any time before.
        """
        if not self._ended:  # a transport that is gone cannot be closed once more
            await self.socket.close()
        await asyncio.wait([self._reader])
        self._raise_fault()

    async def abort(self) -> None:
        """Drop the TCP connection without a close frame, as a device that lost its network does."""
        if not self._ended:
            self.socket.transport.abort()
        await asyncio.wait([self._reader])

    async def __aenter__(self) -> Self:
        """The connection is open already."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; a broken promise is reported unless the test failed for a reason of its own."""
        if kind is None:
            await self.close()
        else:
            await self.abort()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    async def _wait(self, find: Callable[[], Json | None], what: str, timeout_s: float) -> Json:
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._raise_fault()
                    if (found := find()) is not None:
                        return found
                    if self._ended:
                        raise Closed(f"{self.close_code} {self.close_reason!r} while waiting for {what}")
                    await self._changed.wait()
        except TimeoutError:
            seen = [frame["event"] for frame in self.events[-20:]]
            raise TimeoutError(f"no {what} within {timeout_s} s; last events: {seen}") from None

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # how the socket says that it ended
            async for message in self.socket:
                try:
                    self._take(message)
                except AssertionError as fault:
                    self._fault = self._fault or fault
                self._notify()
        self._ended = True
        self._notify()

    def _notify(self) -> None:
        waited_for, self._changed = self._changed, asyncio.Event()
        waited_for.set()

    def _take(self, message: str | bytes) -> None:
        assert isinstance(message, str), "the protocol has text frames only"
        frame = cast("Json", json.loads(message))
        self.frames.append(frame)
        if frame["type"] == "res":
            self._answers.setdefault(frame["id"], []).append(frame)
            return
        assert frame["type"] == "event", f"a gateway sends res and event, not {frame['type']!r}"
        self.events.append(frame)
        if "seq" in frame:  # events addressed to one connection may leave it out
            expected = self._last_seq + 1
            assert frame["seq"] == expected, f"event seq {frame['seq']}, expected {expected}"
            self._last_seq = expected


def payload_of(answer: Json) -> Any:
    """Payload of a response frame.

    Raises:
        RpcError: The frame is `ok:false`.
    """
    if not answer["ok"]:
        raise RpcError(answer)
    return answer.get("payload")
