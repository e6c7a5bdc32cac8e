"""A gateway a test plays by hand, over real sockets: it lets a node in and then says what the test says.

For what a real gateway does only when it fails: refusing, falling silent, breaking off, delivering twice.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

# Any: JSON as it travels.
Json = dict[str, Any]

TIMEOUT_S = 10.0
TICK_INTERVAL_MS = 30_000

Judge = Callable[[Json], Json | None]
"""The refusal (the `error` member) of a connect with these params; None lets it in."""


class Refused(Exception):
    """Raised by an answerer: the `error` member to answer with."""

    def __init__(self, code: str, message: str, /, *, retryable: bool = False, **details: Any) -> None:
        super().__init__(message)
        self.error: Json = {"code": code, "message": message, "details": details, "retryable": retryable}


class ScriptedGateway:
    """Serves one node after the other; what they sent stays in `connects` and `requests`."""

    def __init__(self, port: int, secure: bool) -> None:
        """Use `scripted_gateway` instead."""
        self.port = port
        self.secure = secure
        self.connects: list[Json] = []
        """Params of every connect, admitted or not."""
        self.requests: list[Json] = []
        """Every request after a hello, as it came."""
        self.judge: Judge = lambda _params: None
        self.answers: dict[str, Callable[[Json], Any]] = {
            "node.runnerInventory.update": lambda _: {"nodeId": "n"},
            "node.event": lambda _: {"ok": True, "handled": True},
            "node.invoke.result": lambda _: {"ok": True},
            "node.invoke.progress": lambda _: {"ok": True},
            "node.pending.pull": lambda _: {"nodeId": "n", "actions": []},
            "node.pending.ack": lambda params: {
                "nodeId": "n",
                "ackedIds": params["ids"],
                "remainingCount": 0,
            },
        }
        """Result by method; a function may raise `Refused`. A method that is not here is not answered."""
        self.tick_interval_ms = TICK_INTERVAL_MS
        self.max_payload = 1_000_000
        self.device_token: str | None = "device-token-1"
        self.socket: ServerConnection | None = None
        """The connection of now."""
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'wss' if self.secure else 'ws'}://127.0.0.1:{self.port}"

    async def event(self, name: str, payload: Json) -> None:
        """Send an event over the connection of now."""
        assert self.socket is not None, "no node is connected"
        await self.socket.send(json.dumps({"type": "event", "event": name, "payload": payload}))

    async def invoke(self, invoke_id: str, command: str, params: Any = None, **more: Any) -> None:
        """Ask the node for something."""
        text = None if params is None else json.dumps(params)
        payload = {"id": invoke_id, "nodeId": "n", "command": command, "paramsJSON": text, **more}
        await self.event("node.invoke.request", payload)

    async def close(self, code: int, reason: str) -> None:
        """Close the connection of now."""
        assert self.socket is not None, "no node is connected"
        await self.socket.close(code, reason)

    def break_off(self) -> None:
        """Drop the connection of now as a network that failed."""
        assert self.socket is not None, "no node is connected"
        self.socket.transport.abort()

    async def connected(self, nth: int = 1) -> Json:
        """Wait until the nth connect came; its params."""
        await self._until(lambda: len(self.connects) >= nth and self.socket is not None, f"connect {nth}")
        return self.connects[nth - 1]

    async def refused(self, nth: int = 1) -> Json:
        """Wait for the nth connect whatever becomes of it; its params."""
        await self._until(lambda: len(self.connects) >= nth, f"connect {nth}")
        return self.connects[nth - 1]

    async def request(self, method: str, nth: int = 1, **fields: Any) -> Json:
        """Wait for the nth request of a method with these parameters; its params."""

        def found() -> list[Json]:
            return [
                item["params"]
                for item in self.requests
                if item["method"] == method
                and all(item["params"].get(name) == value for name, value in fields.items())
            ]

        await self._until(lambda: len(found()) >= nth, f"request {nth} of {method} with {fields}")
        return found()[nth - 1]

    async def result(self, invoke_id: str, nth: int = 1) -> Json:
        """Wait for the nth result of a command; its params."""
        return await self.request("node.invoke.result", nth, id=invoke_id)

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            methods = [item["method"] for item in self.requests]
            raise AssertionError(f"no {what}; got {len(self.connects)} connects, {methods}") from None

    async def serve_one(self, socket: ServerConnection) -> None:
        """One node from its connect to its end."""
        challenge: Json = {"nonce": "nonce-1", "ts": 1_700_000_000_000, "capabilities": []}
        await socket.send(json.dumps({"type": "event", "event": "connect.challenge", "payload": challenge}))
        try:
            request = json.loads(await socket.recv())
            refusal = self.judge(request["params"])
            if refusal is not None:
                await self._note(lambda: self.connects.append(request["params"]))
                await socket.send(
                    json.dumps({"type": "res", "id": request["id"], "ok": False, "error": refusal})
                )
                await socket.close(1008, refusal["message"][:100])
                return
            hello = self._hello(request["params"])
            await socket.send(json.dumps({"type": "res", "id": request["id"], "ok": True, "payload": hello}))
            self.socket = socket
            await self._note(lambda: self.connects.append(request["params"]))
            async for message in socket:
                await self._take(socket, json.loads(message))
        except ConnectionClosed:
            return  # how a node leaves
        finally:
            if self.socket is socket:
                self.socket = None

    async def _take(self, socket: ServerConnection, request: Json) -> None:
        await self._note(lambda: self.requests.append(request))
        answerer = self.answers.get(request["method"])
        if answerer is None:
            return
        answer: Json = {"type": "res", "id": request["id"], "ok": True}
        try:
            answer["payload"] = answerer(request["params"])
        except Refused as refused:
            answer |= {"ok": False, "error": refused.error}
        await socket.send(json.dumps(answer))

    async def _note(self, change: Callable[[], None]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    def _hello(self, params: Json) -> Json:
        token = {"deviceToken": self.device_token, "issuedAtMs": 1} if self.device_token else {}
        attachments = {"maxBytes": 1000, "maxImageBytes": 1000}
        return {
            "type": "hello-ok",
            "protocol": 4,
            "server": {"version": "scripted", "bootId": "b", "connId": "c"},
            "features": {"methods": [], "events": [], "capabilities": []},
            "snapshot": {
                "suspension": {"phase": "accepting"},
                "presence": [],
                "health": {},
                "stateVersion": {"presence": 0, "health": 0},
                "uptimeMs": 1,
            },
            "auth": {"method": "token", "role": params["role"], "scopes": [], **token},
            "policy": {
                "maxPayload": self.max_payload,
                "maxBufferedBytes": 1_000_000,
                "tickIntervalMs": self.tick_interval_ms,
                "attachments": attachments,
            },
        }


@asynccontextmanager
async def scripted_gateway(tls: ssl.SSLContext | None = None) -> AsyncGenerator[ScriptedGateway]:
    """A gateway on a free port of this machine."""
    gateway: ScriptedGateway | None = None

    async def handler(socket: ServerConnection) -> None:
        assert gateway is not None
        await gateway.serve_one(socket)

    async with serve(handler, "127.0.0.1", 0, ssl=tls, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        gateway = ScriptedGateway(port, tls is not None)
        yield gateway
