"""The router: stored rules, explicit targets, dry runs, and its speed (S0.3-13, S0.P-4)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.routing.model import Arrival
from gateway.routing.service import Routing
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.nouns.route import RouteRule
from tests.support.clock import FakeClock


class Names:
    """A directory of agents."""

    default_agent_id = "main"

    def __init__(self, *names: str) -> None:
        self.names = {"main", *names}

    def resolve(self, agent_id: str) -> object:
        """The agent, if known."""
        if agent_id not in self.names:
            raise NotFound(agent_id)
        return agent_id


@asynccontextmanager
async def opened(folder: Path, names: Names) -> AsyncGenerator[Routing]:
    """A router over a file."""
    db = await Database.open(folder / "state.db", load_migrations("routing", "gateway.routing"))
    routing = Routing(db, FakeClock())
    routing.connect(names)
    await routing.load()
    try:
        yield routing
    finally:
        await db.close()


def arrival(**facts: object) -> Arrival:
    """A message on telegram."""
    known = {"channel": "telegram", "account": "work", "sender": "42", "thread": "", "text": "hi", "at_ms": 0}
    return Arrival(**{**known, **facts})  # pyright: ignore[reportArgumentType] - names are the struct's


class TestTargets:
    """Where a message goes."""

    @pytest.mark.parametrize(
        ("message", "agent", "key"),
        [
            # channels get a conversation per peer, group and thread
            (arrival(), "ops", "agent:ops:telegram:direct:42"),
            (arrival(conversation="-100", is_group=True), "ops", "agent:ops:telegram:group:-100"),
            (arrival(conversation="7", thread="t1"), "ops", "agent:ops:telegram:direct:7:thread:t1"),
            # the owner's own ways in share the main conversation
            (arrival(channel="webchat"), "main", "agent:main:main"),
            (arrival(channel="voice"), "main", "agent:main:main"),
            (arrival(channel="signal", sender=""), "main", "agent:main:main"),
            # who is named is asked, whatever the rules say
            (arrival(agent_id="main"), "main", "agent:main:telegram:direct:42"),
            (arrival(agent_id="MAIN", session_key="x"), "main", "agent:main:x"),
            (arrival(session_key="agent:ops:Incident-42"), "ops", "agent:ops:incident-42"),
            (arrival(session_key="desk"), "main", "agent:main:desk"),
            (arrival(session_key="global"), "main", "global"),
        ],
    )
    async def test_agent_and_conversation(
        self, tmp_path: Path, message: Arrival, agent: str, key: str
    ) -> None:
        async with opened(tmp_path, Names("ops")) as routing:
            await routing.replace([RouteRule(id="r", agent_id="ops", channel="telegram")], None)
            route = routing.route(message)
            assert (route.agent_id, route.session_key) == (agent, key)

    async def test_ids_that_no_key_can_hold_are_kept_apart(self, tmp_path: Path) -> None:
        async with opened(tmp_path, Names()) as routing:
            keys = {
                routing.route(arrival(sender=sender)).session_key
                for sender in ("a/b", "a%b", "a\\b", "../..", "x" * 400, "x" * 401)
            }
            assert len(keys) == 6
            assert all("/" not in key and ".." not in key for key in keys)

    @pytest.mark.parametrize(
        "facts",
        [{"agent_id": "nobody"}, {"session_key": "agent:nobody:main"}],
    )
    async def test_an_unknown_agent_is_refused(self, tmp_path: Path, facts: dict[str, object]) -> None:
        async with opened(tmp_path, Names()) as routing:
            with pytest.raises(NotFound, match="there is no agent nobody"):
                routing.route(arrival(**facts))

    async def test_a_key_of_another_agent_is_refused(self, tmp_path: Path) -> None:
        async with opened(tmp_path, Names("ops")) as routing:
            with pytest.raises(InvalidRequest, match='belongs to agent "ops"'):
                routing.route(arrival(agent_id="main", session_key="agent:ops:main"))

    async def test_a_rule_for_an_agent_that_was_removed_is_passed_over(self, tmp_path: Path) -> None:
        names = Names("ops", "spare")
        async with opened(tmp_path, names) as routing:
            rules = [RouteRule(id="a", agent_id="ops", priority=1), RouteRule(id="b", agent_id="spare")]
            await routing.replace(rules, None)
            names.names.discard("ops")
            assert routing.route(arrival()).rule_id == "b"
            assert [v.reason for v in routing.considered(arrival())] == [
                "all conditions hold, but agent ops does not exist",
                "all conditions hold",
            ]


class TestStoredRules:
    """Rules outlive the process and are changed as a whole."""

    async def test_rules_survive_a_restart(self, tmp_path: Path) -> None:
        async with opened(tmp_path, Names("ops")) as routing:
            await routing.replace([RouteRule(id="r", agent_id="ops", channel="telegram")], 0)
        async with opened(tmp_path, Names("ops")) as routing:
            assert (routing.revision, routing.route(arrival()).rule_id) == (1, "r")

    async def test_two_editors_do_not_overwrite_each_other(self, tmp_path: Path) -> None:
        async with opened(tmp_path, Names()) as routing:
            await routing.replace([], 0)
            with pytest.raises(Conflict, match="expectedRevision"):
                await routing.replace([RouteRule(id="r", agent_id="main")], 0)
            assert routing.rules == []

    async def test_a_rule_for_nobody_is_refused(self, tmp_path: Path) -> None:
        async with opened(tmp_path, Names()) as routing:
            with pytest.raises(NotFound, match="rules/0/agentId"):
                await routing.replace([RouteRule(id="r", agent_id="ops")], None)
