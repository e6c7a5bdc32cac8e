"""The section `agents`: what it means, and what is wrong with it by name."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.agents.breaker import Breakers
from gateway.agents.catalog import ModelCatalog
from gateway.agents.model import AgentProfile
from gateway.agents.profiles import (
    AgentRecord,
    agent_id_of,
    configured_profile,
    implied_profile,
    stored_profile,
)
from gateway.agents.settings import AgentsSettings, ProviderEntry
from gateway.kernel.home import Home
from protocol.errors import InvalidRequest
from tests.support.clock import FakeClock

HOME = Home(Path("/home/somebody/.homarus"))


def settings_of(**section: Any) -> AgentsSettings:
    return msgspec.convert(section, AgentsSettings)


def problems(**section: Any) -> list[str]:
    return [str(issue) for issue in settings_of(**section).problems()]


LOCAL = {"local": {"base_url": "http://127.0.0.1:1/v1", "models": {"small": {}, "big": {"reasoning": True}}}}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            {"model": {"primary": "gpt"}},
            'agents.model.primary: write provider/model, such as "homarus/offline"',
        ),
        ({"model": {"fallbacks": ["x/y"]}}, 'agents.model.fallbacks[0]: there is no provider "x"'),
        (
            {"entries": {"ops": {"model": {"primary": "x/y"}}}},
            'agents.entries.ops.model.primary: there is no provider "x"; add [agents.providers.x]',
        ),
        (
            {"entries": {"ops": {"runtime": "command"}}},
            "agents.entries.ops.argv: a command agent needs a program",
        ),
        (
            {"entries": {"ops": {"runtime": "llm", "argv": ["x"]}}},
            "agents.entries.ops.argv: only a command agent runs a program, this one is llm",
        ),
        ({"entries": {"ops": {"mcp": ["files"]}}}, "agents.entries.ops.mcp[0]: there is no agents.mcp.files"),
        ({"mcp": {"files": {}}}, "agents.mcp.files: needs either argv or url"),
        (
            {"mcp": {"files": {"argv": ["x"], "url": "http://x"}}},
            "agents.mcp.files: needs either argv or url",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(section: dict[str, Any], said: str) -> None:
    assert any(problem.startswith(said) for problem in problems(**section))


def test_a_whole_section_without_faults() -> None:
    assert (
        problems(
            model={"primary": "local/small", "fallbacks": ["homarus/offline"]},
            providers=LOCAL,
            entries={"ops": {"argv": ["claude", "-p", "{message}"]}, "x": {"mcp": ["files"]}},
            mcp={"files": {"argv": ["server"]}},
        )
        == []
    )


@pytest.mark.parametrize(
    "section",
    [
        {"entries": {"Bad Id": {}}},
        {"entries": {"..": {}}},
        {"providers": {"a/b": {}}},
        {"providers": {"x": {"base_url": "file:///etc"}}},
        {"providers": {"x": {"attempts": 0}}},
        {"budget": {"daily_usd": -1}},
        {"typo": 1},
    ],
)
def test_what_types_can_say_is_refused_by_type(section: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        settings_of(**section)


@pytest.mark.parametrize(
    ("url", "free"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://10.0.0.5:11434/v1", False),
        ("https://localhost.evil.example/v1", False),
        (None, False),
    ],
)
def test_only_what_runs_here_is_free_without_being_said(url: str | None, free: bool) -> None:
    assert ProviderEntry(base_url=url).is_free is free
    assert ProviderEntry(base_url=url, free=not free).is_free is not free


def test_the_runtime_follows_from_the_entry() -> None:
    settings = settings_of(
        providers=LOCAL,
        entries={"a": {}, "b": {"model": {"primary": "local/small"}}, "c": {"argv": ["/usr/bin/claude"]}},
    )

    def of(agent_id: str) -> AgentProfile:
        return configured_profile(agent_id, settings.entries[agent_id], settings, HOME)

    assert (of("a").runtime, of("a").model) == ("offline", "homarus/offline")
    assert (of("b").runtime, of("b").model) == ("llm", "local/small")
    assert (of("c").runtime, of("c").model) == ("command", "command/claude")
    assert of("a").workspace == HOME.workspaces_dir / "a"


def test_stored_agents_follow_the_common_model_until_they_name_one() -> None:
    settings = settings_of(
        providers=LOCAL, model={"primary": "local/small", "fallbacks": ["homarus/offline"]}
    )
    record = AgentRecord(id="ops", created_ms=1, updated_ms=1)
    assert stored_profile(record, settings, HOME).model == "local/small"
    own = stored_profile(msgspec.structs.replace(record, model="local/big"), settings, HOME)
    assert (own.model, own.fallbacks) == ("local/big", ())
    assert implied_profile("main", settings, HOME).fallbacks == ("homarus/offline",)


@pytest.mark.parametrize(
    ("name", "agent_id"),
    [
        ("Ops Crew", "ops-crew"),
        ("  Ünïcode 9 ", "n-code-9"),
        ("a" * 100, "a" * 64),
        ("A_b-c", "a_b-c"),
        ("../../x", "x"),
    ],
)
def test_names_become_safe_ids(name: str, agent_id: str) -> None:
    assert agent_id_of(name) == agent_id


@pytest.mark.parametrize("name", ["", "🦞", "..", "--", "日本"])
def test_a_name_without_a_letter_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name: "):
        agent_id_of(name)


def test_people_name_models_as_they_like() -> None:
    settings = settings_of(providers=LOCAL, entries={"prog": {"argv": ["x"]}})
    catalog = ModelCatalog(lambda: settings, Breakers(FakeClock()), FakeClock())
    main = implied_profile("main", settings, HOME)
    assert catalog.find(main, "big") == "local/big"
    assert catalog.find(main, "local/big") == "local/big"
    assert catalog.find(main, "local/never-listed") == "local/never-listed"
    assert catalog.find(main, "offline") == "homarus/offline"
    assert catalog.find(main, "gone/x") is None
    assert catalog.find(main, "unknown") is None
    program = configured_profile("prog", settings.entries["prog"], settings, HOME)
    assert catalog.find(program, "big") is None
    assert catalog.facts(main, "local/big").thinking_levels == ("off", "low", "medium", "high")


def test_a_resting_provider_shows_when_it_is_back() -> None:
    settings, clock = settings_of(providers=LOCAL), FakeClock()
    breakers = Breakers(clock)
    for _ in range(4):
        breakers.failed("local", "HTTP 500")
    catalog = ModelCatalog(lambda: settings, breakers, clock)
    small = next(c for c in catalog.choices(implied_profile("main", settings, HOME)) if c.id == "small")
    assert small.unavailable_reason == "cooldown"
    assert small.unavailable_until == clock.now_ms() + 15_000
