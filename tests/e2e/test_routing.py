"""Rules set over RPC decide about messages that really arrive (S0.3-3, S0.3-13, DC-4)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.daemon import Daemon, launched
from tests.support.wire import RpcError, WireClient

Json = dict[str, Any]  # wire objects, unchecked

AGENTS = ("ops", "home", "ada", "quiet", "fallback")
CONFIG = "".join(f'[agents.entries.{name}]\nruntime = "offline"\n' for name in AGENTS)

RULES: list[Json] = [
    {"id": "boss", "agentId": "main", "sender": "+4900", "priority": 50},
    {"id": "switched-off", "agentId": "quiet", "enabled": False, "priority": 99},
    {"id": "deploy", "agentId": "ops", "pattern": "deploy*", "priority": 10},
    {"id": "private", "agentId": "home", "channel": "telegram", "account": "private"},
    {"id": "ada", "agentId": "ada", "channel": "telegram", "sender": "@ada"},
    {"id": "telegram", "agentId": "fallback", "channel": "telegram"},
    {"id": "incident", "agentId": "ops", "channel": "matrix", "thread": "inc-*"},
    {
        "id": "never",
        "agentId": "quiet",
        "channel": "matrix",
        "time": {"start": "00:00", "until": "00:00", "days": []},
    },
    {"id": "matrix", "agentId": "home", "channel": "matrix"},
]

# agent, message, channel, account, sender, thread
CASES = [
    ("main", "hello", None, None, None, None),
    ("ops", "deploy now", None, None, None, None),
    ("ops", "Deploy NOW", None, None, None, None),
    ("main", "please deploy", None, None, None, None),
    ("main", "deploy now", None, None, "+4900", None),
    ("fallback", "hello", "telegram", "work", "@bob", None),
    ("ada", "hello", "telegram", "work", "@ada", None),
    ("ada", "hello", "telegram", "work", "@ADA", None),
    ("home", "hello", "telegram", "private", "@bob", None),
    ("home", "hello", "telegram", "private", "@ada", None),
    ("ops", "deploy", "telegram", "private", "@ada", None),
    ("main", "deploy", "telegram", "private", "+4900", None),
    ("home", "hello", "matrix", "work", "@bob", None),
    ("ops", "hello", "matrix", "work", "@bob", "inc-7"),
    ("home", "hello", "matrix", "work", "@bob", "other"),
    ("main", "hello", "matrix", "work", "+4900", "inc-7"),
    ("ops", "deploy it", "matrix", "work", "@bob", "other"),
    ("main", "hello", "signal", "work", "@bob", None),
    ("main", "", "signal", "work", "@ada", None),
    ("ops", "deploy\nin two lines", "signal", "work", "@ada", None),
]


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A gateway with these agents."""
    yield from launched(tmp_path_factory.mktemp("routing"), config=CONFIG)


async def connected(daemon: Daemon) -> WireClient:
    """An operator; the rules are in force."""
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    await client.call("routing.rules.set", {"rules": RULES})
    return client


@pytest.mark.parametrize("case", CASES, ids=[" ".join(map(str, case)) for case in CASES])
async def test_the_dry_run_and_the_road_agree(routed: Daemon, case: tuple[str | None, ...]) -> None:
    async with await connected(routed) as client:
        await _agree(client, case)


async def _agree(client: WireClient, case: tuple[str | None, ...]) -> None:
    agent, text, channel, account, sender, thread = case
    facts = {"channel": channel, "account": account, "sender": sender, "thread": thread}
    trial = {name: value for name, value in facts.items() if value is not None}
    dry: Json = await client.call("router.test", {"text": text, **trial})
    assert dry["agentId"] == agent
    names = {"channel": "channel", "account": "accountId", "sender": "to", "thread": "threadId"}
    params = {names[name]: value for name, value in trial.items()}
    key = "route " + " ".join(str(part).strip() for part in case).replace("\n", " ")
    ack: Json = await client.call("agent", {"message": text or "?", "idempotencyKey": key, **params})
    assert ack["agentId"] == agent
    assert ack["sessionKey"].startswith(f"agent:{agent}:")
    (item,) = [i for i in (await client.call("inbox.list", {"limit": 5}))["items"] if i["runId"] == key]
    assert (item["agentId"], item["sessionKey"]) == (agent, ack["sessionKey"])
    assert item["channel"] == (channel or "webchat")


async def test_rules_that_cannot_work_are_refused(routed: Daemon) -> None:
    async with await connected(routed) as client:
        await _refuses(client)


async def _refuses(client: WireClient) -> None:
    before = await client.call("routing.rules.list", {})
    bad: list[tuple[Json, str]] = [
        ({"id": "x", "agentId": "nobody"}, "rules/0/agentId"),
        ({"id": "x", "agentId": "main", "colour": "red"}, "/rules/0"),
        ({"id": "no spaces", "agentId": "main"}, "/rules/0/id"),
        ({"id": "x", "agentId": "main", "time": {"start": "25:00"}}, "/rules/0/time/start"),
        ({"id": "x", "agentId": "main", "time": {"timeZone": "Nowhere/At"}}, "rules/0/time/timeZone"),
    ]
    for rule, where in bad:
        with pytest.raises(RpcError) as refused:
            await client.call("routing.rules.set", {"rules": [rule]})
        assert where in refused.value.message
    with pytest.raises(RpcError, match="expectedRevision"):
        await client.call("routing.rules.set", {"rules": [], "expectedRevision": before["revision"] - 1})
    assert await client.call("routing.rules.list", {}) == before
