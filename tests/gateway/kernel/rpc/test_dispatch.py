"""Requests become handler calls, and results and exceptions become frames (cases 7, 15; row S3.M0-3)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from gateway.kernel.rpc.context import Ctx, FinalFailure, Principal
from gateway.kernel.rpc.dispatch import MAX_IN_FLIGHT, Dispatcher
from gateway.kernel.rpc.metrics import RpcMetrics
from gateway.kernel.rpc.refusals import PER_CALLER, Refusals
from gateway.kernel.rpc.router import Router, handles
from gateway.kernel.supervisor import Supervisor
from protocol.connect import ClientInfo
from protocol.errors import Forbidden, NotFound, Unavailable
from protocol.frames import decode_request
from protocol.method import Call, Wire, method
from protocol.scopes import Role, Scope
from tests.support.audit import RecordedAudit
from tests.support.clock import FakeClock

WAITING = b'{"type":"req","id":"r","method":"test.slow","params":{"text":"wait"}}'


class Echoed(Wire):
    """What the echo methods return."""

    text: str
    trace: str


@method("test.echo", Scope.READ)
class EchoCall(Call[Echoed]):
    """Answered in place."""

    text: Annotated[str, Meta(max_length=5)]


@method("test.slow", Scope.WRITE)
class SlowCall(Call[Echoed]):
    """Answered from a task."""

    text: str


@method("test.node", None, roles=frozenset({Role.NODE}))
class NodeCall(Call[None]):
    """For nodes only."""


class EchoApi:
    """Handlers with every kind of outcome."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    @handles(EchoCall)
    def echo(self, ctx: Ctx, call: EchoCall) -> Echoed:
        if call.text == "bug":
            raise ZeroDivisionError
        if call.text == "half":
            return Echoed(text="\ud83d", trace=ctx.trace_id)
        if call.text == "odd":
            raise NotFound("no file \udcff")
        return Echoed(text=call.text, trace=ctx.trace_id)

    @handles(SlowCall)
    async def slow(self, ctx: Ctx, call: SlowCall) -> Echoed:
        if call.text == "half":
            return Echoed(text="\ud83d", trace=ctx.trace_id)
        if call.text == "missing":
            raise NotFound("no such text", {"field": "text"})
        if call.text == "twice":
            ctx.answer_again(Echoed(text="second", trace=ctx.trace_id))
        if call.text == "fails later":
            ctx.answer_again(FinalFailure(Unavailable("broke"), {"partial": True}))
        if call.text == "wait":
            await self.gate.wait()
        return Echoed(text=call.text, trace=ctx.trace_id)

    @handles(NodeCall)
    def node(self, _ctx: Ctx, _call: NodeCall) -> None:
        return None


class FakeCaller:
    """A connection at the dispatcher's seam: it collects responses."""

    def __init__(self, *scopes: Scope, role: Role = Role.OPERATOR) -> None:
        self.in_flight = 0
        self.replies: list[dict[str, Any]] = []
        self.principal = Principal(
            conn_id="c1",
            role=role,
            scopes=scopes,
            client=ClientInfo(id="test", version="1", platform="test", mode="test"),
            device_id=None,
            profile_id=None,
            caps=frozenset(),
            remote_ip="127.0.0.1",
            auth_method="token",
        )

    def reply(self, frame: bytes) -> None:
        self.replies.append(msgspec.json.decode(frame))


class Bench:
    """A dispatcher with its parts."""

    def __init__(self) -> None:
        self.tasks = Supervisor()
        self.metrics = RpcMetrics()
        self.api = EchoApi()
        router = Router()
        router.add(self.api)
        self.router = router
        self.audit, self.clock = RecordedAudit(), FakeClock()
        self.dispatcher = Dispatcher(
            router, self.tasks, lambda: 1000, self.metrics, Refusals(self.audit, self.clock)
        )

    async def ask(
        self, caller: FakeCaller, name: str, params: object = None, **extra: object
    ) -> dict[str, Any]:
        frame = {"type": "req", "id": "r1", "method": name, "params": params, **extra}
        self.dispatcher.dispatch(caller, decode_request(msgspec.json.encode(frame)))
        for _ in range(5):
            await asyncio.sleep(0)
        return caller.replies[0]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.tasks.close(1.0)


async def test_plain_handlers_answer_without_a_task(bench: Bench) -> None:
    caller = FakeCaller(Scope.READ)
    frame = decode_request(b'{"type":"req","id":"7","method":"test.echo","params":{"text":"hi","extra":1}}')
    bench.dispatcher.dispatch(caller, frame)
    assert caller.replies[0]["payload"]["text"] == "hi"
    assert bench.tasks.running == 0


async def test_coroutine_handlers_answer_from_a_task(bench: Bench) -> None:
    answer = await bench.ask(FakeCaller(Scope.WRITE), "test.slow", {"text": "hello there"})
    assert answer == {"type": "res", "id": "r1", "ok": True, "payload": answer["payload"]}
    assert answer["payload"]["text"] == "hello there"


async def test_a_traceparent_continues_and_a_malformed_one_starts_afresh(bench: Bench) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    given = await bench.ask(
        FakeCaller(Scope.READ), "test.echo", {"text": "a"}, traceparent=f"00-{trace}-00f067aa0ba902b7-01"
    )
    assert given["payload"]["trace"] == trace
    for malformed in ("nonsense", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{'ä' * 32}-00f067aa0ba902b7-01"):
        fresh = await bench.ask(FakeCaller(Scope.READ), "test.echo", {"text": "a"}, traceparent=malformed)
        assert len(bytes.fromhex(fresh["payload"]["trace"])) == 16
        assert fresh["payload"]["trace"] not in malformed


@pytest.mark.parametrize(
    ("name", "params", "code", "words"),
    [
        ("test.echo", {"text": 5}, "INVALID_REQUEST", "/text"),
        ("test.echo", {"text": "too long"}, "INVALID_REQUEST", "/text"),
        ("test.echo", {}, "INVALID_REQUEST", "text"),
        ("test.echo", [1], "INVALID_REQUEST", "test.echo params"),
        ("test.slow", {"text": "x"}, "FORBIDDEN", "operator.write"),
        ("test.node", {}, "INVALID_REQUEST", "unauthorized role"),
        ("no.such", {}, "FORBIDDEN", "operator.admin"),
        ("test.echo", {"text": "bug"}, "UNAVAILABLE", "homarus logs"),
        ("test.echo", {"text": "half"}, "UNAVAILABLE", "homarus logs"),
    ],
)
async def test_refusals_name_what_is_wrong(
    bench: Bench, name: str, params: object, code: str, words: str
) -> None:
    answer = await bench.ask(FakeCaller(Scope.READ), name, params)
    assert answer["ok"] is False
    assert answer["error"]["code"] == code
    assert words in answer["error"]["message"]


async def test_a_refusal_that_cannot_be_encoded_is_another_refusal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Quiet, because parallel test workers cannot hand on a captured log with half a surrogate pair in it.
    monkeypatch.setattr(logging.getLogger("gateway.kernel.rpc.dispatch"), "disabled", True)
    answer = await bench.ask(FakeCaller(Scope.READ), "test.echo", {"text": "odd"})
    assert (answer["ok"], answer["error"]["code"]) == (False, "UNAVAILABLE")
    assert "homarus logs" in answer["error"]["message"]


async def test_an_answer_that_cannot_be_encoded_is_a_failure_not_silence(bench: Bench) -> None:
    caller = FakeCaller(Scope.WRITE)
    answer = await bench.ask(caller, "test.slow", {"text": "half"})
    assert (answer["ok"], answer["error"]["code"]) == (False, "UNAVAILABLE")
    assert caller.in_flight == 0


async def test_missing_scope_carries_structured_details(bench: Bench) -> None:
    answer = await bench.ask(FakeCaller(Scope.READ), "test.slow", {"text": "x"})
    assert answer["error"]["details"] == {
        "code": "MISSING_SCOPE",
        "missingScope": "operator.write",
        "requiredScopes": ["operator.write"],
    }


async def test_an_admin_is_told_that_a_method_is_unknown(bench: Bench) -> None:
    answer = await bench.ask(FakeCaller(Scope.ADMIN), "no.such")
    assert answer["error"] == {"code": "INVALID_REQUEST", "message": "unknown method: no.such"}


async def test_domain_errors_keep_their_details(bench: Bench) -> None:
    answer = await bench.ask(FakeCaller(Scope.WRITE), "test.slow", {"text": "missing"})
    assert answer["error"]["details"] == {"field": "text", "code": "NOT_FOUND"}


async def test_second_answers_travel_on_the_same_id(bench: Bench) -> None:
    caller = FakeCaller(Scope.WRITE)
    await bench.ask(caller, "test.slow", {"text": "twice"})
    await bench.ask(caller, "test.slow", {"text": "fails later"})
    assert [reply["id"] for reply in caller.replies] == ["r1"] * 4
    failure = caller.replies[2]
    assert (failure["ok"], failure["payload"]) == (False, {"partial": True})
    assert failure["error"]["message"] == "broke"


async def test_a_flood_is_refused_before_it_starts(bench: Bench) -> None:
    caller = FakeCaller(Scope.WRITE)
    for _ in range(MAX_IN_FLIGHT + 1):
        bench.dispatcher.dispatch(caller, decode_request(WAITING))
    assert [reply["error"]["retryable"] for reply in caller.replies] == [True]
    bench.api.gate.set()
    await asyncio.sleep(0.01)
    assert len(caller.replies) == MAX_IN_FLIGHT + 1
    assert caller.in_flight == 0


async def test_closing_answers_what_is_running(bench: Bench) -> None:
    caller = FakeCaller(Scope.WRITE)
    bench.dispatcher.dispatch(caller, decode_request(WAITING))
    await asyncio.sleep(0)
    await bench.tasks.close(1.0)
    assert caller.replies[0]["error"]["code"] == "UNAVAILABLE"


async def test_strangers_cannot_grow_the_metrics(bench: Bench) -> None:
    for index in range(50):
        await bench.ask(FakeCaller(Scope.ADMIN), f"made.up.{index}")
    assert list(bench.metrics.answers) == [("unknown", "INVALID_REQUEST")]


def test_two_handlers_for_one_method_are_an_error(bench: Bench) -> None:
    with pytest.raises(TypeError, match="two handlers"):
        bench.router.add(EchoApi())


async def test_who_tries_what_it_may_not_is_recorded_once_a_minute(bench: Bench) -> None:
    caller = FakeCaller(Scope.READ)
    for _ in range(3):
        await bench.ask(caller, "test.slow", {"text": "x"})
    (entry,) = bench.audit.entries
    assert (entry.action, entry.actor, entry.subject) == ("rpc.refused", caller.principal.actor, "test.slow")
    assert entry.details == {"code": "MISSING_SCOPE", "scopes": [Scope.READ]}
    await bench.clock.advance(61)
    await bench.ask(caller, "test.slow", {"text": "x"})
    assert len(bench.audit.entries) == 2
    refusals = Refusals(bench.audit, bench.clock)
    for number in range(PER_CALLER * 2):
        refusals.failed(caller.principal, f"test.{number}", Forbidden("no"))
    refusals.failed(caller.principal, "test.other", NotFound("no"))
    assert len(bench.audit.entries) == 2 + PER_CALLER
