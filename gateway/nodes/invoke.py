"""Commands on their way to nodes and back."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.nodes.failures import (
    NodeAnswerUnreadable,
    NodeBusy,
    NodeCommandForbidden,
    NodeDisconnected,
    NodeNotConnected,
    NodeTimedOut,
    node_failure,
    refused,
)
from gateway.nodes.model import LiveNode
from gateway.nodes.policy import CommandPolicy
from gateway.nodes.progress import Progress
from gateway.nodes.registry import NodeRegistry
from protocol.capability import Surface
from protocol.errors import InvalidRequest
from protocol.events.nodes import NodeInvokeCancel, NodeInvokeRequest
from protocol.ids import new_id
from protocol.methods.node_reports import NodeInvokeProgress, NodeInvokeResult

DEFAULT_TIMEOUT_MS: Final = 30_000
"""Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md."""

MAX_IN_FLIGHT: Final = 64
"""Commands one node may have open; a person's devices need a handful."""

NOT_READY_RETRIES: Final = 4
"""How often a node that just woke up is asked again within the caller's deadline. Source: as above."""

NOT_READY_PAUSE_S: Final = 0.5

CANCEL_CLIENTS: Final = frozenset({"node-host", "openclaw-macos", "homarus-node"})
"""Programs that understand `node.invoke.cancel`. Source: as above; others would log an unknown event."""

SMOOTHING: Final = 0.2
"""Weight of the newest answer in a node's latency."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is asked to do."""

    command: str
    params_json: str | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    idempotency_key: str | None = None
    session_key: str | None = None
    on_progress: Callable[[str], None] | None = None


class Answer(msgspec.Struct, frozen=True):
    """What a node answered: `payload` as JSON, and as the text it sent when it sent text."""

    payload: msgspec.Raw
    payload_json: str | None


class _Open:
    """One command a node works on."""

    def __init__(self, live: LiveNode, ask: Ask) -> None:
        self.live = live
        self.ask = ask
        self.progress = Progress(ask.on_progress)
        self.begun = False
        """Whether the node reported any progress."""
        self.answer: asyncio.Future[NodeInvokeResult] = asyncio.get_running_loop().create_future()


class Invocations:
    """Sends commands, waits for results, and knows which result belongs to what."""

    def __init__(self, registry: NodeRegistry, policy: CommandPolicy, hub: Hub, clock: Clock) -> None:
        self._registry = registry
        self._policy = policy
        self._hub = hub
        self._clock = clock
        self._open: dict[str, _Open] = {}
        self._busy: dict[str, int] = {}
        self._answered: list[Callable[[LiveNode, str, NodeInvokeResult], None]] = []
        self._checks: dict[str, Callable[[str | None], None]] = {}
        registry.when_left(self._on_left)
        registry.when_reduced(self._on_reduced)

    def check_with(self, command: str, check: Callable[[str | None], None]) -> None:
        """Have the parameters of a command checked before any node gets them; it raises `InvalidRequest`."""
        self._checks[command] = check

    async def invoke(self, node_id: str, ask: Ask) -> Answer:
        """Ask a connected node and wait for what it answers.

        Raises:
            InvalidRequest: the command is not allowed, not declared or not approved.
            NodeNotConnected: it is not there, or left before it answered (`NodeDisconnected`).
            NodeCommandForbidden: the owner's policy or approval changed before it answered.
            NodeTimedOut: no answer within `ask.timeout_ms`.
            NodeBusy: it has too much to do.
            NodeFailed: what the node itself says; `NodeAnswerUnreadable` when that is no JSON.
        """
        deadline_ms = self._clock.now_ms() + ask.timeout_ms
        if (check := self._checks.get(ask.command)) is not None:
            check(ask.params_json)
        try:
            async with asyncio.timeout(ask.timeout_ms / 1000):
                return await self._until_ready(node_id, ask, deadline_ms)
        except TimeoutError as error:
            raise NodeTimedOut from error

    async def target(self, node_id: str, command: str) -> LiveNode:
        """The connected node, once it is certain that it may be asked for `command`.

        Raises:
            InvalidRequest: unknown node, or the command is not allowed, not declared or not approved.
            NodeNotConnected: it is known and not there.
        """
        live = self._registry.live(node_id)
        while live is not None and not live.settled.done():
            await asyncio.shield(live.settled)
            live = self._registry.live(node_id)
        if live is None:
            await self._registry.record(node_id)
            raise NodeNotConnected
        if command not in live.effective.commands:
            raise refused(command, self._policy.refusal(command, live.facts, live.claimed), live.claimed)
        return live

    async def _until_ready(self, node_id: str, ask: Ask, deadline_ms: int) -> Answer:
        retries = NOT_READY_RETRIES
        while True:
            # Judged anew each time: what a node may be asked for can change while it wakes up.
            live = await self.target(node_id, ask.command)
            result, begun = await self._once(live, ask, deadline_ms)
            if retries == 0 or begun or not _not_ready(result):
                return _answer(result, ask.command, live)
            retries -= 1
            await asyncio.sleep(NOT_READY_PAUSE_S)

    async def _once(self, live: LiveNode, ask: Ask, deadline_ms: int) -> tuple[NodeInvokeResult, bool]:
        """What the node answers, and whether it had begun before that."""
        if self._busy.get(live.conn_id, 0) >= MAX_IN_FLIGHT:
            raise NodeBusy
        invoke_id = new_id()
        waiting = self._open[invoke_id] = _Open(live, ask)
        self._busy[live.conn_id] = self._busy.get(live.conn_id, 0) + 1
        started_s = self._clock.monotonic_s()
        try:
            self._send(live, invoke_id, ask, deadline_ms)
            result = await waiting.answer
        except asyncio.CancelledError:
            self._cancel(live, invoke_id)
            raise
        finally:
            del self._open[invoke_id]
            self._done(live)
        self._note_latency(live, (self._clock.monotonic_s() - started_s) * 1000)
        for callback in self._answered:
            callback(live, ask.command, result)
        return result, waiting.begun

    def _send(self, live: LiveNode, invoke_id: str, ask: Ask, deadline_ms: int) -> None:
        request = NodeInvokeRequest(
            id=invoke_id,
            node_id=live.node_id,
            command=ask.command,
            params_json=ask.params_json,
            timeout_ms=max(0, deadline_ms - self._clock.now_ms()),
            idempotency_key=ask.idempotency_key,
            session_key=ask.session_key,
        )
        if not self._hub.send(live.conn_id, request):
            raise NodeNotConnected

    def _cancel(self, live: LiveNode, invoke_id: str) -> None:
        if live.facts.client_id in CANCEL_CLIENTS:
            self._hub.send(live.conn_id, NodeInvokeCancel(invoke_id=invoke_id, node_id=live.node_id))

    def _done(self, live: LiveNode) -> None:
        left = self._busy.get(live.conn_id, 1) - 1
        if left:
            self._busy[live.conn_id] = left
        else:
            self._busy.pop(live.conn_id, None)

    @staticmethod
    def _note_latency(live: LiveNode, took_ms: float) -> None:
        known = live.latency_ms
        live.latency_ms = took_ms if known is None else known + SMOOTHING * (took_ms - known)

    async def check(self, node_id: str, command: str) -> str | None:
        """Make sure that a node, there or not, may be asked for `command`; its name when it is not there.

        Raises:
            InvalidRequest: unknown node, or the command is not allowed, not declared or not approved.
        """
        if self._registry.live(node_id) is not None:
            await self.target(node_id, command)
            return None
        record = await self._registry.record(node_id)
        surface = record.approved or Surface()
        by_policy = self._policy.refusal(command, record.facts, surface)
        if by_policy is not None or command not in surface.commands:
            raise refused(command, by_policy, surface)
        return record.name

    # What nodes report

    def when_answered(self, callback: Callable[[LiveNode, str, NodeInvokeResult], None]) -> None:
        """Call `callback` with each answer a node gives to a command somebody waits for."""
        self._answered.append(callback)

    def result(self, conn_id: str, node_id: str, call: NodeInvokeResult) -> bool:
        """Take a result; false when nobody waits for it from this connection.

        Raises:
            InvalidRequest: it names another node, or its payload is no JSON.
        """
        _own(node_id, call.node_id)
        waiting = self._open.get(call.id)
        if waiting is None or waiting.live.conn_id != conn_id or waiting.answer.done():
            return False
        try:
            check_payload(call)
        except InvalidRequest:
            # It will not answer a second time; its caller need not wait for the end of the deadline.
            waiting.answer.set_exception(NodeAnswerUnreadable())
            raise
        waiting.answer.set_result(call)
        return True

    def progress(self, conn_id: str, node_id: str, call: NodeInvokeProgress) -> bool:
        """Take a piece of output; false when nobody waits for it from this connection.

        Raises:
            InvalidRequest: it names another node, or too many pieces are out of order.
        """
        _own(node_id, call.node_id)
        waiting = self._open.get(call.invoke_id)
        if waiting is None or waiting.live.conn_id != conn_id:
            return False
        waiting.begun = True
        return waiting.progress.take(call.seq, call.chunk)

    def _on_reduced(self, live: LiveNode) -> None:
        for invoke_id, waiting in list(self._open.items()):
            forbidden = waiting.live is live and waiting.ask.command not in live.effective.commands
            if forbidden and not waiting.answer.done():
                self._cancel(live, invoke_id)
                waiting.answer.set_exception(NodeCommandForbidden())

    def _on_left(self, live: LiveNode, code: str) -> None:
        for waiting in [waiting for waiting in self._open.values() if waiting.live is live]:
            if not waiting.answer.done():
                waiting.answer.set_exception(NodeDisconnected(code))


def _own(node_id: str, named: str) -> None:
    if named != node_id:
        raise InvalidRequest("nodeId mismatch", {"field": "nodeId"})


def _not_ready(result: NodeInvokeResult) -> bool:
    return not result.ok and result.error is not None and result.error.code == "NODE_NOT_READY"


def check_payload(call: NodeInvokeResult) -> None:
    """Make sure that what a node sent as text is JSON.

    Raises:
        InvalidRequest: it is not.
    """
    if call.payload_json is None:
        return
    try:
        msgspec.json.decode(call.payload_json, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"payloadJSON: {error}", {"field": "payloadJSON"}) from error


def _answer(result: NodeInvokeResult, command: str, live: LiveNode) -> Answer:
    if not result.ok:
        raise node_failure(result.error, command, live.facts)
    if result.payload_json is not None:
        return Answer(msgspec.Raw(result.payload_json.encode()), result.payload_json)
    payload = result.payload if result.payload is not msgspec.UNSET else msgspec.Raw(b"null")
    return Answer(payload, None)
