"""One decision for every action; the strictest rule wins (U6, S1.M-9; attack case 38)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.policy.engine import SECURITY_SECTIONS, SELF_RULE, Context, decide
from gateway.kernel.policy.model import Action, Decision, Effect, Opinion, Subject, Tier, strictness
from gateway.kernel.policy.settings import PolicyRule, PolicySettings
from gateway.kernel.policy.tiers import tier_of
from protocol.scopes import ALL_SCOPES, Scope

AGENT = Subject(kind="agent", id="main", scopes=tuple(ALL_SCOPES))
OPERATOR = Subject(kind="operator", id="cli", scopes=(Scope.ADMIN,))


def outcome(decision: Decision) -> Effect:
    """A decision in one word."""
    if not decision.allowed:
        return "deny"
    return "ask" if decision.requires_approval else "allow"


def judged(name: str, *argv: str, node: str | None = None, **settings: object) -> Decision:
    """What an agent's action comes to under some settings."""
    context = Context(settings=msgspec.convert(settings, PolicySettings))
    return decide(AGENT, Action(name=name, argv=argv, node_id=node), context)


@pytest.mark.parametrize(
    ("name", "tier", "effect"),
    [
        ("device.status", "low", "allow"),
        ("system.notify", "low", "allow"),
        ("canvas.a2ui.push", "low", "allow"),
        ("fs.listDir", "medium", "allow"),
        ("canvas.eval", "medium", "allow"),
        ("system.run", "high", "ask"),
        ("camera.snap", "high", "ask"),
        ("screen.record", "high", "ask"),
        ("location.get", "high", "ask"),
        ("talk.ptt.start", "high", "ask"),
        ("contacts.search", "high", "ask"),
        ("acme.unheard-of", "high", "ask"),
    ],
)
def test_without_rules_the_risk_decides(name: str, tier: Tier, effect: Effect) -> None:
    decision = judged(name)
    assert (decision.risk, outcome(decision)) == (tier, effect)
    assert decision.rules == (f"risk.{tier}",)


@pytest.mark.parametrize(
    ("argv", "tier"),
    [
        (("ls",), "high"),
        (("/usr/bin/sudo", "ls"), "critical"),
        (("sh", "-c", "ls && sudo ls"), "critical"),
        (("bash", "-lc", "echo $(sudo id)"), "critical"),
        (("rm", "-rf", "/"), "critical"),
        (("rm", "-rf", "./build"), "high"),
        (("env", "X=1", "sudo", "ls"), "critical"),
        (("mkfs.ext4", "/dev/sda"), "critical"),
        (("homarus", "approvals", "allow", "x"), "critical"),
        (("sh", "-c", "x" * 70_000), "critical"),
        (("sh", "script.sh"), "high"),
        (("echo", "sudo"), "high"),
        (("sh", "-c", "echo 'half a quote"), "high"),
    ],
)
def test_what_can_take_control_is_critical_and_never_allowed_for_good(
    argv: tuple[str, ...], tier: Tier
) -> None:
    decision = judged("system.run", *argv)
    assert (decision.risk, outcome(decision)) == (tier, "ask")
    assert decision.always_offered == (tier != "critical")


@pytest.mark.parametrize("name", [pattern.replace("*", "anything") for pattern in SELF_RULE])
@pytest.mark.parametrize("kind", ["agent", "node", "person"])
def test_nobody_but_an_operator_changes_who_may_do_what(name: str, kind: str) -> None:
    subject = msgspec.convert({"kind": kind, "id": "x", "scopes": ["operator.admin"]}, Subject)
    everything = PolicySettings(rules=(PolicyRule(effect="allow"),), critical="allow", high="allow")
    decision = decide(subject, Action(name=name), Context(settings=everything))
    assert (outcome(decision), decision.rules) == ("deny", ("base.self-rule",))
    assert outcome(decide(OPERATOR, Action(name=name), Context())) == "allow"


@pytest.mark.parametrize(
    ("name", "sections", "effect"),
    [
        ("config.patch", (), "deny"),
        *(("config.patch", (section,), "deny") for section in sorted(SECURITY_SECTIONS)),
        ("config.set", ("chat", "policy"), "deny"),
        ("config.patch", ("chat",), "ask"),
        ("config.get", (), "ask"),
    ],
)
def test_an_agent_never_changes_the_sections_about_security(
    name: str, sections: tuple[str, ...], effect: Effect
) -> None:
    assert outcome(decide(AGENT, Action(name=name, sections=sections), Context())) == effect


@pytest.mark.parametrize(
    ("rules", "argv", "effect"),
    [
        ([{"effect": "allow", "command": "git status *"}], ("git", "status"), "allow"),
        ([{"effect": "allow", "command": "git status *"}], ("git", "status", "-s", "x"), "allow"),
        ([{"effect": "allow", "command": "git status *"}], ("git", "push"), "ask"),
        ([{"effect": "allow", "command": "git status *"}], ("/tmp/git", "status"), "ask"),
        ([{"effect": "allow", "command": "git status"}], ("git", "status", "-s"), "ask"),
        ([{"effect": "allow", "command": "git *"}], ("sh", "-c", "git status"), "ask"),
        ([{"effect": "allow", "command": "echo ok"}], ("echo", "ok; rm -rf x"), "ask"),
        ([{"effect": "allow", "command": "echo 'a b'"}], ("echo", "a b"), "allow"),
        ([{"effect": "allow", "command": "*"}], ("anything",), "allow"),
        ([{"effect": "deny", "command": "curl *"}], ("/usr/bin/curl", "x"), "deny"),
        ([{"effect": "deny", "command": "curl *"}], ("sh", "-c", "true; curl x | sh"), "deny"),
        ([{"effect": "deny", "command": "curl *"}], ("echo", "curl"), "ask"),
        ([{"effect": "allow"}, {"effect": "deny", "command": "curl *"}], ("curl", "x"), "deny"),
        ([{"effect": "allow"}, {"effect": "ask", "command": "curl *"}], ("curl", "x"), "ask"),
        ([{"effect": "allow", "agent": "other"}], ("ls",), "ask"),
        ([{"effect": "allow", "agent": "ma*"}], ("ls",), "allow"),
        ([{"effect": "allow", "action": "camera.*"}], ("ls",), "ask"),
        ([{"effect": "allow", "node": "laptop"}], ("ls",), "allow"),
        ([{"effect": "allow", "node": "phone"}], ("ls",), "ask"),
    ],
)
def test_rules(rules: list[dict[str, str]], argv: tuple[str, ...], effect: Effect) -> None:
    assert outcome(judged("system.run", *argv, node="laptop", rules=rules)) == effect


def test_the_owner_may_allow_a_risk_and_rule_one_out() -> None:
    assert outcome(judged("camera.snap", rules=[{"effect": "allow", "action": "camera.snap"}])) == "allow"
    assert outcome(judged("camera.snap", high="deny")) == "deny"
    never = judged("camera.snap", never=["camera.*"], rules=[{"effect": "allow"}])
    assert (outcome(never), never.rules) == ("deny", ("policy.never",))
    assert outcome(judged("system.run", "sudo", "ls", critical="deny")) == "deny"


def test_a_rule_about_nodes_is_not_about_the_gateway() -> None:
    assert outcome(judged("system.run", "ls", rules=[{"effect": "allow", "node": "*"}])) == "ask"


def test_scopes_and_the_agents_list_are_limits() -> None:
    action = Action(name="camera.snap", needs=Scope.WRITE)
    reader = msgspec.structs.replace(AGENT, scopes=(Scope.READ,))
    allow_all = PolicySettings(rules=(PolicyRule(effect="allow"),))
    assert decide(reader, action, Context(settings=allow_all)).rules == ("scopes",)
    assert decide(AGENT, action, Context(settings=allow_all, listed=("time", "mem*"))).rules == (
        "agent.tools",
    )
    assert outcome(decide(AGENT, action, Context(settings=allow_all, listed=("camera.*",)))) == "allow"


def test_an_operator_who_may_approve_is_not_asked_and_one_who_may_not_is() -> None:
    assert outcome(decide(OPERATOR, Action(name="camera.snap"), Context())) == "allow"
    writer = Subject(kind="operator", id="x", scopes=(Scope.WRITE,))
    assert outcome(decide(writer, Action(name="camera.snap"), Context())) == "ask"


def test_the_hint_of_a_tool_counts_only_for_what_the_table_does_not_know() -> None:
    assert tier_of(Action(name="recall", tier="low")) == "low"
    assert tier_of(Action(name="config.patch", tier="low")) == "critical"


def test_a_broken_command_pattern_is_named() -> None:
    settings = PolicySettings(rules=(PolicyRule(effect="deny"), PolicyRule(effect="deny", command="'x")))
    assert [issue.path for issue in settings.problems()] == ["policy.rules[1].command"]


words = st.sampled_from(
    ["ls", "git", "status", "*", "sudo", "curl", "sh", "-c", "git status; curl x", "/bin/ls"]
)
patterns = st.sampled_from(["*", "system.run", "camera.*", "config.*", "x"])
commands = st.none() | st.lists(words.filter(lambda w: ";" not in w), min_size=1, max_size=3).map(" ".join)
rule = st.builds(
    PolicyRule,
    effect=st.sampled_from(["allow", "ask", "deny"]),
    action=patterns,
    agent=st.sampled_from(["*", "main", "other"]),
    node=st.sampled_from([None, "*", "laptop"]),
    command=commands,
)
actions = st.builds(
    Action,
    name=st.sampled_from(["system.run", "camera.snap", "config.patch", "device.status", "x"]),
    argv=st.lists(words, max_size=3).map(tuple),
    node_id=st.sampled_from([None, "laptop"]),
    sections=st.sampled_from([(), ("chat",), ("policy",)]),
    needs=st.sampled_from([None, Scope.WRITE]),
)
settings_of_all_kinds = st.builds(
    PolicySettings,
    never=st.lists(patterns.filter(lambda p: p != "*"), max_size=1).map(tuple),
    rules=st.lists(rule, max_size=4).map(tuple),
    high=st.sampled_from(["allow", "ask", "deny"]),
)
subjects = st.builds(
    Subject,
    kind=st.sampled_from(["operator", "agent", "node", "person"]),
    id=st.sampled_from(["main", "other"]),
    scopes=st.sampled_from([(), (Scope.READ,), (Scope.ADMIN,)]),
)


@given(subjects, actions, settings_of_all_kinds, rule, st.integers(0, 4))
def test_adding_a_rule_that_denies_or_asks_never_widens(
    subject: Subject, action: Action, settings: PolicySettings, extra: PolicyRule, place: int
) -> None:
    extra = msgspec.structs.replace(extra, effect="deny" if extra.effect == "allow" else extra.effect)
    more = (*settings.rules[:place], extra, *settings.rules[place:])
    before = decide(subject, action, Context(settings=settings))
    after = decide(subject, action, Context(settings=msgspec.structs.replace(settings, rules=more)))
    assert strictness(outcome(after)) >= strictness(outcome(before))


@given(subjects, actions, settings_of_all_kinds, st.permutations(range(4)))
def test_the_order_of_rules_does_not_matter(
    subject: Subject, action: Action, settings: PolicySettings, order: list[int]
) -> None:
    shuffled = tuple(settings.rules[place] for place in order if place < len(settings.rules))
    before = decide(subject, action, Context(settings=settings))
    after = decide(subject, action, Context(settings=msgspec.structs.replace(settings, rules=shuffled)))
    assert outcome(after) == outcome(before)


@given(subjects.filter(lambda subject: subject.kind != "operator"), settings_of_all_kinds)
def test_no_setting_lifts_a_base_restriction(subject: Subject, settings: PolicySettings) -> None:
    allow = Opinion(effect="allow", rule="elsewhere", reason="x")
    for name in ("exec.approval.resolve", "config.patch", "exec.approvals.set", "device.pair.approve"):
        decision = decide(subject, Action(name=name), Context(settings=settings, standing=(allow,)))
        assert not decision.allowed
