"""The official examples of A2UI pass, in their order and in the other one (S1.B-7.1)."""

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.a2ui.lines import read_jsonl
from protocol.a2ui.surfaces import Surfaces

PACKAGES = Path(__file__).parents[3] / "protocol/a2ui/page/node_modules/@a2ui"
EXAMPLES = sorted((PACKAGES / "web_core/src/v0_9/schemas/catalogs/basic/examples").glob("*.json"))

# The order of OpenClaw's own `a2ui push --text`: components first, then what begins.
CARD_V0_8: list[dict[str, Any]] = [
    {"surfaceUpdate": {"surfaceId": "main", "components": [
        {"id": "root", "component": {"Column": {"children": {"explicitList": ["title", "go"]}}}},
        {"id": "title", "component": {"Text": {"text": {"path": "/name"}, "usageHint": "h2"}}},
        {"id": "go", "component": {"Button": {"child": "label", "action": {"name": "go", "context": [
            {"key": "who", "value": {"path": "/name"}}]}}}},
        {"id": "label", "component": {"Text": {"text": {"literalString": "Go"}}}},
    ]}},
    {"dataModelUpdate": {"surfaceId": "main", "path": "/", "contents": [
        {"key": "name", "valueString": "Ada"},
        {"key": "more", "valueMap": [{"key": "age", "valueNumber": 36}]}]}},
    {"beginRendering": {"surfaceId": "main", "root": "root"}},
]  # fmt: skip


def jsonl(messages: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(message) for message in messages)


def drawn(messages: list[dict[str, Any]]) -> Surfaces:
    return Surfaces().after(read_jsonl(jsonl(messages)))


def test_there_are_as_many_as_published() -> None:
    assert len(EXAMPLES) == 43, "scripts/setup installs them with the canvas page"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_official_example(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    surfaces = drawn(content["messages"])
    assert surfaces.ids
    # What is kept draws the same again.
    assert list(drawn(surfaces.messages())) == list(surfaces)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0), (1, 0, 2)])
def test_every_order_of_v0_8_gives_the_same_surface(order: tuple[int, ...]) -> None:
    surfaces = drawn([CARD_V0_8[index] for index in order])
    assert list(surfaces) == list(drawn(CARD_V0_8))
    assert surfaces.messages() == CARD_V0_8
