"""TOML text is edited in place: a person's comments outlive a program's changes."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kernel.config.document import ConfigSyntaxError, depth_issue, edit, parse, parse_raw
from gateway.kernel.config.tree import as_table, changed_paths, merge_patch, same
from protocol.errors import InvalidRequest

TEXT = """\
# top

[gateway]   # where we listen
port = 18789  # the usual one
hosts = [
    "a", # first
    "b",
]

[channels.telegram]
token = { env = "TG" }  # from the environment

# last words
"""


def test_one_change_touches_one_line() -> None:
    tree = parse(TEXT)
    changed = merge_patch(tree, {"gateway": {"port": 1}})
    assert edit(TEXT, changed) == TEXT.replace("18789", "1")


def test_removing_and_adding_keeps_the_rest() -> None:
    tree = merge_patch(parse(TEXT), {"channels": {"telegram": None}, "cron": {"enabled": True}})
    edited = edit(TEXT, tree)
    assert parse(edited) == tree
    assert "# where we listen" in edited
    assert "# first" in edited


def test_unchanged_tree_changes_nothing() -> None:
    assert edit(TEXT, parse(TEXT)) == TEXT


def test_broken_text_is_replaced() -> None:
    assert parse(edit("= broken", {"a": {"b": 1}})) == {"a": {"b": 1}}


keys = st.text('abcxyz_-." é', min_size=1, max_size=5)
leaves = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
trees = st.dictionaries(keys, values, max_size=4)


@settings(max_examples=150, deadline=None)
@given(trees, trees)
def test_editing_always_arrives_at_the_wanted_tree(old: dict[str, Any], new: dict[str, Any]) -> None:
    first = edit("", old)
    assert same(tomllib.loads(first), old)
    second = edit(first, new)
    assert same(tomllib.loads(second), new)
    assert edit(second, new) == second


@given(trees, trees)
def test_changed_paths_tell_exactly_what_differs(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert (not list(changed_paths(old, new))) == same(old, new)
    assert list(changed_paths(old, old)) == []


@pytest.mark.parametrize(
    ("raw", "tree"),
    [('{"a":{"b":1}}', {"a": {"b": 1}}), ("[a]\nb = 1", {"a": {"b": 1}}), ("", {}), ("# only words", {})],
)
def test_raw_may_be_json_or_toml(raw: str, tree: dict[str, object]) -> None:
    assert parse_raw(raw) == tree


@pytest.mark.parametrize(
    "raw", ["{", "[]", '{"a":1}}', "a = 1\na = 2", '{"a":"\\ud800"}', "x", "{" * 100_000]
)
def test_other_raw_is_refused(raw: str) -> None:
    """Attack case 29 for the document inside the frame."""
    with pytest.raises(InvalidRequest, match=r"^raw: "):
        parse_raw(raw)


def test_syntax_errors_say_where() -> None:
    with pytest.raises(ConfigSyntaxError, match="line 2"):
        parse("a = 1\nb = = 2\n")


def test_deep_nesting_is_an_issue_and_no_crash() -> None:
    tree: dict[str, object] = {}
    for _ in range(10_000):
        tree = {"a": tree}
    assert depth_issue(tree) is not None
    assert depth_issue({"a": {"b": [1, {"c": 2}]}}) is None
    while (inner := as_table(tree.get("a"))) is not None:  # unwound by hand: freeing it recursively is slow
        tree = inner
