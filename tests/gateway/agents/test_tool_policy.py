"""The policy before every tool of an agent (U6; attack case 38)."""

from typing import Any

import msgspec
import pytest

from gateway.agents.tool_policy import ToolPolicy
from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from gateway.kernel.policy.engine import SELF_RULE, PolicyEngine
from gateway.kernel.policy.model import Action, Subject
from gateway.kernel.policy.settings import PolicyRule, PolicySettings
from protocol.nouns.tool import Risk
from protocol.scopes import ALL_SCOPES, Scope
from tests.support.audit import RecordedAudit
from tests.support.daemon import Daemon
from tests.support.wire import Json, WireClient

CONTEXT = ToolContext(
    agent_id="main", session_key="agent:main:main", run_id="r1", actor="client:cli", scopes=tuple(ALL_SCOPES)
)


class Nothing(msgspec.Struct):
    """No arguments."""


class Attempts:
    """A registry with one tool, and whether it ran."""

    def __init__(self, settings: PolicySettings, **tool: Any) -> None:
        self.ran = False
        self.audit = RecordedAudit()
        self.registry = ToolRegistry(ToolPolicy(PolicyEngine(lambda: settings), self.audit).objection)
        self.registry.add(
            Tool(
                name="attempt",
                title="Attempt",
                description="",
                params=Nothing,
                run=self.run,
                needs=Scope.WRITE,
                **tool,
            )
        )

    async def run(self, _: ToolContext, __: Nothing) -> str:
        self.ran = True
        return "done"

    async def call(self) -> str:
        """What the model reads."""
        return (await self.registry.call("attempt", CONTEXT, {})).text


@pytest.mark.parametrize("action", ["config.patch", *(pattern.replace("*", "x") for pattern in SELF_RULE)])
async def test_no_tool_changes_who_may_do_what_whatever_the_settings(action: str) -> None:
    everything = PolicySettings(rules=(PolicyRule(effect="allow"),))
    attempts = Attempts(everything, action=action, asks=True)
    assert "never changes who may do what" in await attempts.call()
    assert not attempts.ran
    (entry,) = attempts.audit.entries
    assert (entry.action, entry.actor, entry.subject) == ("policy.refused", "agent:main", action)


@pytest.mark.parametrize(
    ("risk", "asks", "runs"),
    [("low", False, True), ("medium", False, True), ("high", False, False), ("high", True, True)],
)
async def test_a_risky_tool_runs_only_if_it_asks(risk: Risk, asks: bool, runs: bool) -> None:
    attempts = Attempts(PolicySettings(), risk=risk, asks=asks)
    said = await attempts.call()
    assert (attempts.ran, "permission" in said) == (runs, not runs)
    assert attempts.audit.actions == ([] if runs else ["policy.refused"])


async def test_the_owner_rules_a_tool_out() -> None:
    attempts = Attempts(PolicySettings(never=("attempt",)))
    assert "policy.never" in await attempts.call()
    assert not attempts.ran


async def test_no_tool_that_is_shipped_is_one_the_policy_forbids(shared_daemon: Daemon) -> None:
    client = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    await client.connect()
    catalog = await client.call("tools.catalog", {})
    names = [tool["id"] for group in catalog["groups"] for tool in group["tools"]]
    assert "time" in names
    engine, agent = PolicyEngine(PolicySettings), Subject(kind="agent", id="main", scopes=tuple(ALL_SCOPES))
    assert [
        name
        for name in names
        if not engine.decide(agent, Action(name=name.replace("_", "."), tier="low")).allowed
    ] == []
    await client.close()


async def test_a_changed_policy_counts_at_once(daemon: Daemon) -> None:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    call: Json = {"name": "time", "args": {}, "sessionKey": "main"}
    assert (await client.call("tools.invoke", call))["ok"]
    config = await client.call("config.get", {})
    patch = {"raw": '{"policy": {"never": ["time"]}}'}
    await client.call("config.patch", {**patch, **({"baseHash": config["hash"]} if config["exists"] else {})})
    refused = await client.call("tools.invoke", call)
    assert (refused["ok"], "policy.never" in str(refused["error"])) == (False, True)
    page = await client.call("audit.entries", {"action": "policy.refused"})
    assert [(row["actor"], row["subject"]) for row in page["entries"]] == [("agent:main", "time")]
    await client.close()
