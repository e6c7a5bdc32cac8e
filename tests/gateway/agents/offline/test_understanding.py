"""The offline assistant takes sentences for what they are (rows DC-6, S0.3-6: useful without a network)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.offline.understanding import Heard, Plan, understand

NOW_MS = 1_800_000_000_000


def plan_of(text: str, attachments: int = 0) -> Plan:
    return understand(Heard(text, NOW_MS, attachments))


TAP = (
    "CANVAS_A2UI action=toggle session=main surface=checklist component=b1 host=x instance=y "
    'ctx={"item":"1"} default=update_canvas'
)


@pytest.mark.parametrize(
    ("text", "intent", "tool", "args"),
    [
        ("help", "help", None, {}),
        ("What can you do?", "help", None, {}),
        ("Hi!", "greeting", None, {}),
        ("hello, please help me", "help", None, {}),
        ("[Fri 2026-11-20 16:27 UTC] good morning", "greeting", None, {}),
        ("thank you", "thanks", None, {}),
        ("thanks a lot!", "thanks", None, {}),
        ("status", "status", "gateway_status", {}),
        ("How are you?", "status", "gateway_status", {}),
        ("is everything ok?", "status", "gateway_status", {}),
        ("Who is connected?", "presence", "presence", {}),
        ("who's online right now", "presence", "presence", {}),
        ("list my devices", "devices", "devices_list", {}),
        ("show me my devices", "show-devices", "show_devices", {}),
        (
            "Make a checklist: milk, bread",
            "checklist",
            "show_checklist",
            {"items": ["milk", "bread"], "title": ""},
        ),
        (
            TAP,
            "canvas-action",
            "canvas_action",
            {"action": "toggle", "surface": "checklist", "component": "b1", "context": '{"item":"1"}'},
        ),
        ("which devices are connected", "devices", "devices_list", {}),
        ("describe device Kitchen tablet", "device", "devices_list", {"query": "Kitchen tablet"}),
        ("list my nodes", "nodes", "nodes_list", {}),
        ("which nodes are connected?", "nodes", "nodes_list", {}),
        ("run uname -a on lap", "run", "node_run", {"command": "uname -a", "node": "lap"}),
        (
            "please run echo log on now on my node Ann's laptop.",
            "run",
            "node_run",
            {"command": "echo log on now", "node": "Ann's laptop"},
        ),
        ("run a marathon", "unknown", None, {}),
        (
            "notify me that dinner is ready.",
            "notify",
            "notify",
            {"text": "dinner is ready.", "node": ""},
        ),
        ("notify me on phone: tea", "notify", "notify", {"text": "tea", "node": "phone"}),
        ("list my recent conversations", "sessions", "sessions_list", {}),
        ("tell me about the conversation about Lisbon", "sessions", "sessions_list", {"query": "Lisbon"}),
        ("what are the agents", "agents", "agents_list", {}),
        (
            "remember that the key is under the mat.",
            "remember",
            "remember",
            {"text": "the key is under the mat."},
        ),
        ("Remember: buy milk", "remember", "remember", {"text": "buy milk"}),
        (
            "please note that\n  line one\n  line two",
            "remember",
            "remember",
            {"text": "line one\n  line two"},
        ),
        ("don't forget the bins", "remember", "remember", {"text": "the bins"}),
        ("don\u2019t forget the bins", "remember", "remember", {"text": "the bins"}),
        ("what do I have about the key?", "recall", "recall", {"query": "the key"}),
        ("What do you know about Anna", "recall", "recall", {"query": "Anna"}),
        ("do you remember Anna's birthday?", "recall", "recall", {"query": "Anna's birthday"}),
        ("what do you remember?", "memories", "recall", {}),
        ("show my notes", "memories", "recall", {}),
        ("where is the key?", "question", "recall", {"query": "where is the key?"}),
        ("forget #12", "forget", "forget", {"id": 12}),
        ("delete memory number 3", "forget", "forget", {"id": 3}),
        ("forget about the key", "forget-which", "recall", {"query": "the key"}),
        ("what time is it?", "time", "time", {}),
        ("today", "time", "time", {}),
        ("which model are you?", "model", None, {}),
        ("how do I connect a model?", "model", None, {}),
        ("tell me a joke", "unknown", None, {}),
        ("the status of my application is pending", "unknown", None, {}),
        ("I will remember that", "unknown", None, {}),
        ("", "unknown", None, {}),
    ],
)
def test_a_sentence_becomes_a_plan(text: str, intent: str, tool: str | None, args: dict[str, object]) -> None:
    plan = plan_of(text)
    assert (plan.intent, plan.tool, plan.args) == (intent, tool, args)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2+3*4", "2+3*4 = 14"),
        ("what is (2+3)*4?", "(2+3)*4 = 20"),
        ("15% of 80", "15% of 80 = 12"),
        ("calculate 0.1+0.2", "0.1+0.2 = 0.3"),
        ("2^10", "2^10 = 1024"),
        ("2^60", "2^60 = 1152921504606846976"),
        ("2 ** -1", "2 ** -1 = 0.5"),
        ("10 / 4", "10 / 4 = 2.5"),
        ("7 % 4", "7 % 4 = 3"),
        ("-3 - -5", "-3 - -5 = 2"),
        ("1,000 x 3", "1,000 x 3 = 3000"),
        ("six", None),
        ("1/0", "I cannot work that out: nothing can be divided by zero."),
        ("9**9**9", "I cannot work that out: that number gets too large."),
        ("(1+2", "I cannot work that out: a parenthesis is not closed."),
        ("9" * 150 + "*2", "E+150"),
    ],
)
def test_sums_are_exact_and_bounded(text: str, said: str | None) -> None:
    plan = plan_of(text)
    if said is None:
        assert plan.intent != "sum"
    else:
        assert plan.intent == "sum"
        assert said in plan.reply({})


def test_what_is_not_understood_is_said_back_with_the_next_step() -> None:
    said = plan_of("write a poem about " + "lobsters " * 100, attachments=2).reply({})
    assert "I read: “write a poem about lobsters" in said
    assert "2 attachments I cannot look into" in said
    assert 'Say "which model"' in said
    assert len(said) < 700


def test_the_way_to_a_model_is_a_config_that_can_be_pasted() -> None:
    said = plan_of("which model").reply({})
    assert "[agents.providers.ollama]" in said
    assert 'primary = "ollama/' in said


def test_deleting_needs_a_number_because_it_cannot_be_undone() -> None:
    plan = plan_of("forget the key")
    assert plan.tool == "recall"
    rows = [{"id": 4, "text": "The key is under the mat"}]
    assert 'Say "forget number 4"' in plan.reply({"memories": rows})
    assert "nothing to forget" in plan.reply({"memories": []})


def test_a_question_nobody_can_answer_still_shows_what_is_remembered() -> None:
    plan = plan_of("where did I park?")
    assert "parked at gate 7" in plan.reply({"memories": [{"id": 1, "text": "parked at gate 7"}]})
    assert "I read: “where did I park?”" in plan.reply({"memories": []})


@given(st.text(max_size=300))
def test_any_text_becomes_a_plan(text: str) -> None:
    plan = plan_of(text)
    if plan.tool is None:
        assert plan.reply({})


@given(st.text(alphabet="0123456789.+-*/%^() ", max_size=220))
def test_any_sum_ends_in_bounded_text(text: str) -> None:
    plan = plan_of(text)
    if plan.intent == "sum":
        assert len(plan.reply({})) < 400


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text", ["please " * 2000, "what " * 2000, "[a] " * 2000, "(" * 4000, "list the " * 1000]
)
def test_no_sentence_takes_long(text: str) -> None:
    """Bad input: no pattern runs away on a long or repetitive message."""
    plan_of(text)
