"""Pushes that are not drawn, and what their sender is told (S1.B-7.1)."""

import json
import time
from typing import Any

import pytest

from protocol.a2ui.lines import MAX_CHARS, MAX_LINES, InvalidA2ui, read_jsonl
from protocol.a2ui.schemas import BASIC_CATALOG
from protocol.a2ui.surfaces import MAX_COMPONENTS, MAX_SURFACES, Surfaces
from tests.protocol.a2ui.test_examples import CARD_V0_8, jsonl

Message = dict[str, Any]

# A bomb is refused within this time, in which a person notices no pause.
BOUND_S = 2.0

V9 = {"version": "v0.9"}
CREATE: Message = {**V9, "createSurface": {"surfaceId": "s", "catalogId": BASIC_CATALOG}}


def update(*components: Message) -> Message:
    return {**V9, "updateComponents": {"surfaceId": "s", "components": list(components)}}


def data(value: Any, path: str = "/") -> Message:
    return {**V9, "updateDataModel": {"surfaceId": "s", "path": path, "value": value}}


def text(name: str, said: str = "x") -> Message:
    return {"id": name, "component": "Text", "text": said}


def column(name: str, children: object) -> Message:
    return {"id": name, "component": "Column", "children": children}


def refusal(pushed: str | list[Message], before: Surfaces | None = None) -> str:
    """What is said about a push, which must not take long."""
    started_s = time.monotonic()
    text = pushed if isinstance(pushed, str) else jsonl(pushed)
    with pytest.raises(InvalidA2ui) as caught:
        (before or Surfaces()).after(read_jsonl(text))
    assert time.monotonic() - started_s < BOUND_S
    assert len(caught.value.message) < 5000
    return caught.value.message


def surfaces(*messages: Message) -> Surfaces:
    return Surfaces().after(read_jsonl(jsonl(list(messages))))


@pytest.mark.parametrize(
    ("pushed", "said"),
    [
        ("", "- line 1: expected at least one message"),
        ("nonsense", "- line 1: no JSON"),
        ("[]", "- line 1: expected a JSON object"),
        ("{}", "- line 1: expected exactly one v0.8 action key"),
        ('{"createSurface": {"surfaceId": "s"}}', "- line 1: expected exactly one v0.8 action key"),
        ('{"version": "v0.9", "surfaceUpdate": {}}', "- line 1: expected exactly one v0.9 action key"),
        ('{"version": "v0.9.1", "deleteSurface": {"surfaceId": "s"}}', '- line 1: version: only "v0.9"'),
        ('{"version": "v1.0", "deleteSurface": {"surfaceId": "s"}}', '- line 1: version: only "v0.9"'),
        ('{"deleteSurface": {"surfaceId": "s"}, "more": 1}', "- line 1: expected exactly one"),
        ('{"deleteSurface": {"surfaceId": ""}}', "- line 1: deleteSurface.surfaceId"),
        ('{"deleteSurface": []}', "- line 1: deleteSurface.surfaceId"),
        ('{"deleteSurface": {"surfaceId": "s"}}\n\n{"x": 1}', "- line 3: expected exactly one"),
        ('{"deleteSurface": {"surfaceId": "\ud800"}}', "- line 1: no JSON"),
    ],
)
def test_a_line_that_is_no_message(pushed: str, said: str) -> None:
    assert said in refusal(pushed)


def test_versions_are_not_mixed() -> None:
    assert "- line 4: v0.9 after v0.8 of line 1" in refusal([*CARD_V0_8, CREATE])


UNDRAWABLE: list[tuple[list[Message], str]] = [
    (
        [{**V9, "createSurface": {"surfaceId": "s", "catalogId": "https://e.org/x"}}],
        "createSurface.catalogId",
    ),
    ([CREATE, update({"id": "root", "component": "Bomb"})], "components.0.component: no component of"),
    (
        [CREATE, update(text("root"), {"id": "b", "component": "Text"})],
        'components.1: "text" is a required property',
    ),
    ([CREATE, update({**text("root"), "onclick": "x"})], "onclick"),
    ([update(text("root"))], "- line 1: surface 's' was not created"),
    (
        [{"surfaceUpdate": {"surfaceId": "s", "components": [{"id": "a", "component": {"Bomb": {}}}]}}],
        "line 1",
    ),
    ([{"beginRendering": {"surfaceId": "s"}}], '"root" is a required property'),
    ([CREATE, data([1], "/list"), data(2, "/list/7")], "'7' is no place in a list of 1"),
    ([CREATE, data(1, "/" * 5000)], "- line 2: updateDataModel.path: deeper"),
]


@pytest.mark.parametrize(("messages", "said"), UNDRAWABLE)
def test_a_message_that_cannot_be_drawn(messages: list[Message], said: str) -> None:
    assert said in refusal(messages)


def test_a_surface_keeps_its_version() -> None:
    later = [{**V9, "createSurface": {"surfaceId": "main", "catalogId": BASIC_CATALOG}}]
    assert "drawn with v0.8; delete it first" in refusal(later, surfaces(*CARD_V0_8))


class TestBombs:
    """What no renderer could draw is refused at once."""

    def test_depth(self) -> None:
        assert "nested deeper" in refusal('{"a":' * 200 + "1" + "}" * 200)
        assert "no JSON" in refusal("[" * 1_000_000)

    def test_size(self) -> None:
        assert "longer than" in refusal("x" * (MAX_CHARS + 1))
        assert "at most" in refusal("\n" * (MAX_LINES + 1))
        huge = [CREATE, update(text("root", "x" * 1_100_000))]
        assert "more than 1048576 bytes" in refusal(huge)

    def test_count(self) -> None:
        many = [CREATE, update(*(text(f"t{number}") for number in range(MAX_COMPONENTS + 1)))]
        assert f"- line 2: surface 's': more than {MAX_COMPONENTS} components" in refusal(many)
        crowd: list[Message] = [{"deleteSurface": {"surfaceId": "none"}}] + [
            {"beginRendering": {"surfaceId": f"s{number}", "root": "r"}} for number in range(MAX_SURFACES + 1)
        ]
        assert f"more than {MAX_SURFACES} surfaces" in refusal(crowd)

    def test_cycles(self) -> None:
        assert "component 'root' contains itself" in refusal([CREATE, update(column("root", ["root"]))])
        ring = [CREATE, update(column("a", ["b"]), column("b", ["c"]), column("c", ["a"]))]
        assert "contains itself" in refusal(ring)
        # Its renderer draws a component wherever a text equals an id.
        echo = {"id": "t", "component": {"Text": {"text": {"literalString": "t"}}}}
        assert "contains itself" in refusal([{"surfaceUpdate": {"surfaceId": "s", "components": [echo]}}])

    def test_a_cycle_closed_by_a_later_push(self) -> None:
        before = surfaces(CREATE, update(column("root", ["b"]), column("b", ["c"])))
        assert "contains itself" in refusal([update(column("c", ["root"]))], before)

    def test_components_that_multiply(self) -> None:
        doubling = [column(f"c{level}", [f"c{level + 1}"] * 2) for level in range(40)]
        assert "would draw more than" in refusal([CREATE, update(*doubling, text("c40"))])

    def test_templates_that_multiply(self) -> None:
        rows = {"componentId": "inner", "path": "/rows"}
        messages = [
            CREATE,
            data({"rows": list(range(500))}),
            update(column("root", rows), column("inner", {"componentId": "t", "path": "/rows"}), text("t")),
        ]
        assert "would draw more than" in refusal(messages)

    def test_a_chain_without_end(self) -> None:
        chain = [column(f"c{level}", [f"c{level + 1}"]) for level in range(1000)]
        assert "nested deeper than 64" in refusal([CREATE, update(*chain)])

    def test_what_is_said_stays_short(self) -> None:
        assert "more lines" in refusal("\n".join(json.dumps({"x" * 2000: 1}) for _ in range(500)))


def test_data_is_changed_in_its_place() -> None:
    before = surfaces(CREATE, data({"items": [{"done": False}, {"done": False}], "a/b": 1}))
    after = before.after(
        read_jsonl(jsonl([data(True, "/items/1/done"), data(2, "/a~1b"), data("n", "/items/2")]))
    )
    kept = after.find("s")
    assert kept is not None
    assert kept.data == {"items": [{"done": False}, {"done": True}, "n"], "a/b": 2}
    # The state before is still what it was: a refused push changes nothing.
    was = before.find("s")
    assert was is not None
    assert was.data == {"items": [{"done": False}, {"done": False}], "a/b": 1}


def test_v0_8_keeps_only_data_that_counts() -> None:
    def push(path: str, **values: str) -> Message:
        contents = [{"key": key, "valueString": value} for key, value in values.items()]
        return {"dataModelUpdate": {"surfaceId": "main", "path": path, "contents": contents}}

    later = [push("/", name="Bob", city="Bern"), push("/deep/er", a="1"), push("/", deep="flat")]
    kept = surfaces(*CARD_V0_8, *later).find("main")
    assert kept is not None
    assert [(one["path"], [entry["key"] for entry in one["contents"]]) for one in kept.contents] == [
        ("/", ["more"]),
        ("/", ["name", "city"]),
        ("/", ["deep"]),
    ]


def test_deleting() -> None:
    delete: Message = {**V9, "deleteSurface": {"surfaceId": "s"}}
    assert surfaces(CREATE, update(text("root")), delete).ids == []
    assert surfaces(delete).ids == []


def test_data_cannot_make_a_template_burst() -> None:
    rows = {"componentId": "inner", "path": "/rows"}
    nested = column("inner", {"componentId": "t", "path": "/rows"})
    before = surfaces(CREATE, data({"rows": [1]}), update(column("root", rows), nested, text("t")))
    assert "would draw more than" in refusal([data(list(range(500)), "/rows")], before)
