"""A node whose every answer a test decides: it speaks the wire like OpenClaw's node host, or worse.

    node = ScriptedNode(daemon, commands=["system.notify"], answers={"system.notify": {"ok": True}})
    async with node:                  # connected, not yet approved
        await node.approved_by(admin)
        await admin.call("node.invoke", {...})

`ScriptedNode` answers what its table knows as soon as it is asked. What the table has no entry for, it
leaves open: the test takes the request from `asked` and answers, or misbehaves, by hand.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from tests.support.wire import TIMEOUT_S, Closed, DeviceKey, Json, WireClient

Answer: TypeAlias = "Json | list[Any] | str | int | Failure | Callable[[Json], Awaitable[Any]] | None"
"""What a command gives: a payload, a `Failure`, or a function of the decoded parameters that gives either."""

NODE_HOST: Json = {"id": "node-host", "mode": "node", "displayName": "laptop"}
"""OpenClaw's headless node host, as it introduces itself."""

LINUX: Json = {"platform": "linux", "deviceFamily": "Linux"}
MAC: Json = {"id": "openclaw-macos", "platform": "macOS 26.0", "deviceFamily": "Mac"}
IPHONE: Json = {"id": "openclaw-ios", "platform": "iOS 18.4", "deviceFamily": "iPhone"}


class Failure:
    """An error a node answers with."""

    def __init__(self, code: str | None, message: str | None = None) -> None:
        self.error: Json = {"code": code, "message": message}


class Gateway(Protocol):
    """What a node needs of a gateway: `Daemon`, `OpenClawGateway` or a benchmark's contestant."""

    @property
    def ws_url(self) -> str:
        """Where it listens."""
        ...

    @property
    def token(self) -> str:
        """Its shared secret."""
        ...


class ScriptedNode:
    """One device in the role of a node. It may connect, drop and connect again, with other claims."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        caps: Sequence[str] = (),
        commands: Sequence[str] = (),
        permissions: Mapping[str, bool] | None = None,
        answers: Mapping[str, Answer] | None = None,
        client: Json | None = None,
        key: DeviceKey | None = None,
        headers: Mapping[str, str] | None = None,
        as_text: bool = True,
    ) -> None:
        """Prepare a node without connecting it.

        Args:
            gateway: Where it connects, with its shared secret.
            caps: Claimed capabilities.
            commands: Claimed commands.
            permissions: Claimed permissions.
            answers: What it answers by itself, by command.
            client: Members of `client` that differ from a node host's.
            key: Its device identity; a fresh one unless given.
            headers: Headers of the upgrade, such as a forwarded address.
            as_text: Send payloads as `payloadJSON`, as OpenClaw's node host does, else as `payload`.
        """
        self.gateway = gateway
        self.caps = list(caps)
        self.commands = list(commands)
        self.permissions = dict(permissions or {})
        self.answers = dict(answers or {})
        self.client = {**NODE_HOST, **(client or {})}
        self.key = key or DeviceKey()
        self.headers = headers
        self.as_text = as_text
        self.asked: asyncio.Queue[Json] = asyncio.Queue()
        """Payloads of the `node.invoke.request` events that no answer was prepared for."""
        self.seen: list[Json] = []
        """Payloads of all `node.invoke.request` events, in order."""
        self.device_token: str | None = None
        """The token of its last `hello-ok`."""
        self._wire: WireClient | None = None
        self._worker: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """Its node id, which is its device id."""
        return self.key.id

    @property
    def wire(self) -> WireClient:
        """Its connection."""
        assert self._wire is not None, "this node is not connected"
        return self._wire

    async def connect(self, **overrides: Any) -> Json:
        """Connect and return `hello-ok`; `overrides` replace members of the connect parameters.

        Raises:
            RpcError: The gateway did not let it in.
        """
        await self.drop()
        wire = await WireClient.open(self.gateway.ws_url, token=self.gateway.token, headers=self.headers)
        claims: Json = {
            "client": self.client,
            "role": "node",
            "scopes": [],
            "caps": self.caps,
            "commands": self.commands,
            "permissions": self.permissions,
        }
        try:
            hello = await wire.connect(identity=self.key, **{**claims, **overrides})
        except BaseException:
            await wire.abort()
            raise
        self._wire = wire
        self.device_token = hello["auth"]["deviceToken"]
        self._worker = asyncio.create_task(self._work(wire))
        return hello

    async def close(self) -> None:
        """Go away in order.

        Raises:
            AssertionError: The gateway broke a promise about frames, or a prepared answer was refused.
        """
        wire, worker = self._wire, self._worker
        await self._idle()
        if wire is not None:
            await wire.close()
        if worker is not None and worker.done() and not worker.cancelled():
            worker.result()

    async def drop(self) -> None:
        """Vanish without a close frame."""
        wire = self._wire
        await self._idle()
        if wire is not None:
            await wire.abort()

    async def __aenter__(self) -> Self:
        """Connect, unless it is connected already."""
        if self._wire is None:
            await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; after a failed test, drop."""
        if kind is None:
            await self.close()
        else:
            await self.drop()

    # Being approved

    async def approved_by(self, admin: WireClient) -> Json:
        """Let `admin` approve what waits for this node; returns the node as approved."""
        request = await pending_request(admin, self.id)
        approved = await admin.call("node.pair.approve", {"requestId": request["requestId"]})
        return approved["node"]

    # Answering by hand

    async def next_request(self, timeout_s: float = TIMEOUT_S) -> Json:
        """The next request that no answer was prepared for."""
        async with asyncio.timeout(timeout_s):
            return await self.asked.get()

    async def answer(self, request: Json, answer: Answer = None, **overrides: Any) -> Any:
        """Answer a request; `overrides` replace members of the frame, so that it can lie."""
        return await self.wire.call("node.invoke.result", self.result(request, answer) | overrides)

    def result(self, request: Json, answer: Answer = None) -> Json:
        """Parameters of the `node.invoke.result` that answers `request`."""
        frame: Json = {
            "id": request["id"],
            "nodeId": request["nodeId"],
            "ok": not isinstance(answer, Failure),
        }
        if isinstance(answer, Failure):
            return {**frame, "error": answer.error}
        if self.as_text:
            return {**frame, "payloadJSON": json.dumps(answer)}
        return {**frame, "payload": answer}

    async def progress(self, request: Json, seq: int, chunk: str) -> Any:
        """Send a piece of output."""
        call = {"invokeId": request["id"], "nodeId": self.id, "seq": seq, "chunk": chunk}
        return await self.wire.call("node.invoke.progress", call)

    async def event(self, name: str, payload: Json | None = None) -> Any:
        """Report an event, as OpenClaw's node host does."""
        text = None if payload is None else json.dumps(payload)
        return await self.wire.call("node.event", {"event": name, "payloadJSON": text})

    async def cancelled(self, request: Json) -> Json:
        """Wait until the gateway cancels a request; returns the event's payload."""
        frame = await self.wire.wait_event(
            "node.invoke.cancel", lambda payload: payload["invokeId"] == request["id"]
        )
        return frame["payload"]

    async def _work(self, wire: WireClient) -> None:
        with contextlib.suppress(Closed):  # the gateway ended the connection; the test looks at how
            await self._take_requests(wire)

    async def _take_requests(self, wire: WireClient) -> None:
        position = 0
        while True:
            frame = await wire.wait_event("node.invoke.request", since=position, timeout_s=3600.0)
            position = wire.events.index(frame, position) + 1
            request: Json = frame["payload"]
            self.seen.append(request)
            if request["command"] not in self.answers:
                self.asked.put_nowait(request)
                continue
            answer = self.answers[request["command"]]
            if callable(answer):
                answer = await answer(json.loads(request.get("paramsJSON") or "{}"))
            await wire.call("node.invoke.result", self.result(request, answer))

    async def _idle(self) -> None:
        worker, self._worker, self._wire = self._worker, None, None
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])


class ApprovedNode(ScriptedNode):
    """One whose owner approves whatever it declares as soon as it connects."""

    async def connect(self, **overrides: Any) -> Json:
        """See `ScriptedNode.connect`."""
        hello = await super().connect(**overrides)
        async with await WireClient.open(self.gateway.ws_url, token=self.gateway.token) as admin:
            await admin.connect()
            if (await described(admin, self.id))["approvalState"] != "approved":
                await self.approved_by(admin)
        return hello


async def pending_request(admin: WireClient, node_id: str) -> Json:
    """What waits for a node's approval, once it is there."""

    def is_it(payload: Json) -> bool:
        return payload["nodeId"] == node_id

    mark = admin.mark()
    listed = await admin.call("node.pair.list", {})
    known = [request for request in listed["pending"] if is_it(request)]
    if known:
        return known[0]
    return (await admin.wait_event("node.pair.requested", is_it, since=mark))["payload"]


async def described(operator: WireClient, node_id: str) -> Json:
    """`node.describe`."""
    return await operator.call("node.describe", {"nodeId": node_id})


async def invoke(operator: WireClient, node: ScriptedNode, command: str, **params: Any) -> Json:
    """`node.invoke` with a fresh idempotency key; `params` are its further members.

    Raises:
        RpcError: The command was refused, or the node failed.
    """
    call = {"nodeId": node.id, "command": command, "idempotencyKey": DeviceKey().id, **params}
    return await operator.call("node.invoke", call)
