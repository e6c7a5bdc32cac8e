"""What `sessions.create` and its neighbours answer, with agents and runs attached."""

from typing import Any

import msgspec
import pytest

from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import Router
from gateway.sessions.api_changes import SessionChangesApi
from gateway.sessions.keys import canonical_key
from gateway.transcripts.model import NewEntry
from protocol.errors import InvalidRequest, NotFound, Overloaded
from protocol.method import Call
from protocol.methods.sessions_changes import (
    SessionsCreate,
    SessionsFork,
    SessionsPatch,
    SessionsReset,
    SessionsRewind,
)
from protocol.scopes import Scope
from tests.gateway.sessions.conftest import House
from tests.gateway.sessions.test_announce import Listener


@pytest.fixture
def api(house: House) -> SessionChangesApi:
    return SessionChangesApi(
        index=house.index,
        sessions=house.sessions,
        transcripts=house.transcripts,
        clock=house.clock,
        path="state.db",
    )


@pytest.fixture
def ctx(house: House) -> Ctx:
    principal = msgspec.structs.replace(Listener("conn-1").principal, profile_id="ann", scopes=(Scope.ADMIN,))

    def never(_answer: object) -> None:
        raise AssertionError("sessions answer once")

    return Ctx(
        principal=principal,
        request_id="1",
        trace_id="t",
        received_ms=house.clock.now_ms() - 3,
        answer_again=never,
    )


async def answer(api: SessionChangesApi, ctx: Ctx, call: Call[Any]) -> Any:
    """What a handler returns, found as the router finds it: by the declared call."""
    router = Router()
    router.add(api)
    handler = router.find(call.wire_name, ctx.principal.role, ctx.principal.scopes)
    return await handler.function(ctx, call)


async def history(house: House, key: str) -> list[Any]:
    session = await house.index.get(canonical_key(key))
    assert session is not None
    page = await house.transcripts.history(session.session_id)
    return [msgspec.json.decode(message)["content"] for message in page.messages]


async def test_a_first_message_starts_a_run_in_the_new_session(
    house: House, api: SessionChangesApi, ctx: Ctx
) -> None:
    created = await answer(
        api,
        ctx,
        SessionsCreate(key="dashboard:1", message="hello", idempotency_key="k1", model="local/small-1"),
    )
    assert house.turns.started == [("agent:main:dashboard:1", "hello", "k1")]
    assert (created.run_started, created.run_id, created.status) == (True, "run-1", "started")
    assert (created.message_seq, created.run_error) == (1, None)
    assert created.server_timing is not None
    assert created.server_timing.received_to_ack_ms == 3
    assert created.resolved.model == "small-1"
    assert created.entry.created_actor is not None
    assert created.entry.created_actor.id == "ann"


async def test_a_message_that_is_not_accepted_leaves_the_session_and_the_reason(
    house: House, api: SessionChangesApi, ctx: Ctx
) -> None:
    house.turns.refusal = Overloaded("too much to do")
    created = await answer(api, ctx, SessionsCreate(key="dashboard:1", task="hello"))
    assert (created.ok, created.run_started) == (True, False)
    assert created.run_error is not None
    assert (created.run_error.code, created.run_error.retryable) == ("UNAVAILABLE", True)
    assert await house.index.get(canonical_key("dashboard:1")) is not None


async def test_a_session_without_a_name_gets_one_of_its_agent(api: SessionChangesApi, ctx: Ctx) -> None:
    first = await answer(api, ctx, SessionsCreate(agent_id="cook"))
    second = await answer(api, ctx, SessionsCreate(agent_id="cook"))
    assert first.key.startswith("agent:cook:dashboard:")
    assert first.key != second.key
    assert not first.run_started


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (
            SessionsCreate(thinking_level="low"),
            'thinkingLevel: "low" is not supported by local/big-1; use off, high',
        ),
        (SessionsCreate(model="local/none"), 'model: agent "main" has no model "local/none"'),
        (
            SessionsCreate(model="local/small-1", thinking_level="high"),
            "not supported by local/small-1; use off",
        ),
        (SessionsCreate(agent_id="cook", thinking_level="high"), "not supported by this agent; use off"),
        (SessionsPatch(key="main", thinking_level="low"), "thinkingLevel"),
        (SessionsPatch(key="main", model="local/none"), "model:"),
    ],
)
async def test_what_the_agent_lacks_cannot_be_chosen(
    house: House, api: SessionChangesApi, ctx: Ctx, call: SessionsCreate | SessionsPatch, error: str
) -> None:
    before = await house.index.get(canonical_key("main"))
    with pytest.raises(InvalidRequest, match=error):
        await answer(api, ctx, call)
    assert await house.index.get(canonical_key("main")) == before


async def test_a_fork_and_a_rewind_continue_before_a_message(
    house: House, api: SessionChangesApi, ctx: Ctx
) -> None:
    session = await house.make("main")
    one, _, three = await house.transcripts.append(
        session.session_id,
        [NewEntry(message={"role": role, "content": role[0]}) for role in ("user", "assistant", "user")],
    )
    forked = await answer(api, ctx, SessionsFork(session_key="main", entry_id=three.id))
    assert forked.editor_text == "u"
    assert await history(house, forked.session_key) == ["u", "a"]
    fresh = await answer(api, ctx, SessionsFork(session_key="main", entry_id=one.id))
    assert await history(house, fresh.session_key) == []
    made = await house.index.get(canonical_key(fresh.session_key))
    assert made is not None
    assert made.fork is not None
    assert (made.fork.entry_id, made.parent_key) == (one.id, session.key)

    rewound = await answer(api, ctx, SessionsRewind(session_key="main", entry_id=three.id))
    assert rewound.editor_text == "u"
    assert await history(house, "main") == ["u", "a"]
    assert len(await house.transcripts.branches(session.session_id)) == 1
    with pytest.raises(NotFound, match="entryId"):
        await answer(api, ctx, SessionsRewind(session_key="main", entry_id="nowhere"))
    with pytest.raises(NotFound, match="sessionKey"):
        await answer(api, ctx, SessionsFork(session_key="nowhere", entry_id=one.id))


async def test_a_reset_answers_with_the_new_life(house: House, api: SessionChangesApi, ctx: Ctx) -> None:
    old = await house.make("main")
    reset = await answer(api, ctx, SessionsReset(key="main", reason="new"))
    assert reset.entry.previous_session_id == old.session_id
    assert house.turns.stopped == [(old.key, "reset")]
