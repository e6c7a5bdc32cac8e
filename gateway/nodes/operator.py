"""Commands that operators send to nodes: checked, and done once per key."""

import asyncio
from collections import OrderedDict
from typing import Any, Final, NamedTuple, cast

import msgspec

from gateway.kernel.rpc.context import Principal
from gateway.nodes.foreground import ForegroundQueue
from gateway.nodes.invoke import DEFAULT_TIMEOUT_MS, Answer, Ask
from gateway.nodes.policy import ADMIN_INVOKED, RESERVED
from gateway.nodes.runs import AuthorisedRuns
from protocol.errors import Conflict, InvalidRequest
from protocol.ids import new_id
from protocol.methods.nodes import MAX_INVOKE_TIMEOUT_MS, NodeInvoke
from protocol.scopes import Scope

MAX_KEPT: Final = 512
"""Answers remembered for callers that ask again after a broken line."""

MAX_KEPT_BYTES: Final = 4096
"""A larger answer is not remembered: its caller is told so instead of having it done twice."""

APPROVAL_FIELDS: Final = ("approved", "approvalDecision", "approvalSource", "systemRunPlan")
"""What only the gateway's own approval flow may tell a node."""

SYSTEM_RUN: Final = "system.run"


class _Key(NamedTuple):
    actor: str
    key: str


class _Kept(NamedTuple):
    node_id: str
    command: str
    params: bytes
    answer: asyncio.Future[Answer | None]
    """None stands for an answer that was too large to keep."""


class OperatorInvokes:
    """`node.invoke`: a repeat with the same key gets the first answer, also while that is under way."""

    def __init__(self, queue: ForegroundQueue, runs: AuthorisedRuns) -> None:
        self._queue = queue
        self._runs = runs
        self._under_way: dict[_Key, _Kept] = {}
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    async def invoke(self, caller: Principal, call: NodeInvoke) -> Answer:
        """Ask, once per caller and key.

        Raises:
            MissingScope: the command takes an admin.
            InvalidRequest: the command is reserved, or its parameters are not what it takes.
            Conflict: the key was used for another command, or its answer is not kept any more.
            GatewayError: as `ForegroundQueue.invoke`.
        """
        check_command(caller, call.command)
        key = _Key(caller.actor, call.idempotency_key)
        known = self._under_way.get(key) or self._kept.get(key)
        if known is not None:
            return await _again(known, call)
        return await self._first(key, call)

    async def _first(self, key: _Key, call: NodeInvoke) -> Answer:
        ask = self._ask(call)
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        asked = self._under_way[key] = _Kept(call.node_id, call.command, _params(call) or b"", answer)
        try:
            given = await self._queue.invoke(key.actor, call.node_id, ask)
        except BaseException as error:
            answer.set_exception(error)
            answer.exception()  # there may be no repeat that waits for it
            raise
        finally:
            del self._under_way[key]
        answer.set_result(_kept(given))
        self._kept[key] = asked
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return given

    def _ask(self, call: NodeInvoke) -> Ask:
        params = _params(call)
        if call.command == SYSTEM_RUN:
            run_id = new_id()
            params = with_run_id(params, run_id)
            self._runs.issue(call.node_id, _session_of(params) or call.session_key, run_id=run_id)
        return Ask(
            command=call.command,
            params_json=None if params is None else params.decode(),
            timeout_ms=_timeout_ms(call),
            idempotency_key=call.idempotency_key,
            session_key=call.session_key,
        )


def with_run_id(params: bytes | None, run_id: str) -> bytes:
    """Parameters of `system.run` under a run id of ours, which the node's events about it must repeat.

    Raises:
        InvalidRequest: they are no object, or say what only an approval may say.
    """
    fields: Any = msgspec.json.decode(params or b"{}")
    if not isinstance(fields, dict):
        raise InvalidRequest("params: must be an object", {"field": "params"})
    named = cast("dict[str, Any]", fields)
    forged = [name for name in APPROVAL_FIELDS if named.get(name) is not None]
    if forged:
        field = f"params/{forged[0]}"
        raise InvalidRequest(f"{field}: only an approval by a person may say this", {"field": field})
    named["runId"] = run_id
    return msgspec.json.encode(named)


def _session_of(params: bytes) -> str | None:
    """The conversation a program is run for, which the node's events about it repeat."""
    named: Any = msgspec.json.decode(params).get("sessionKey")
    return named.strip() or None if isinstance(named, str) else None


def check_command(caller: Principal, command: str) -> None:
    """Make sure that an operator may ask for `command` at all.

    Raises:
        MissingScope: the command takes an admin.
        InvalidRequest: it is reserved.
    """
    if command in ADMIN_INVOKED:
        caller.require(Scope.ADMIN)
    if command in RESERVED:
        family = "exec.approvals.node.get and exec.approvals.node.set"
        raise InvalidRequest(f"command: use {family} instead", {"field": "command"})


def _params(call: NodeInvoke) -> bytes | None:
    return None if call.params is msgspec.UNSET else bytes(call.params)


def _timeout_ms(call: NodeInvoke) -> int:
    return DEFAULT_TIMEOUT_MS if call.timeout_ms is None else call.timeout_ms or MAX_INVOKE_TIMEOUT_MS


def _kept(answer: Answer) -> Answer | None:
    """A copy for later, without the frame it came in; None when it is too large."""
    small = len(bytes(answer.payload)) <= MAX_KEPT_BYTES
    return Answer(answer.payload.copy(), answer.payload_json) if small else None


async def _again(known: _Kept, call: NodeInvoke) -> Answer:
    if (known.node_id, known.command, known.params) != (call.node_id, call.command, _params(call) or b""):
        raise Conflict("idempotencyKey: was used for another command", {"field": "idempotencyKey"})
    answer = await asyncio.shield(known.answer)
    if answer is None:
        text = "idempotencyKey: this was done; its answer was too large to keep"
        raise Conflict(text, {"field": "idempotencyKey"})
    return answer
