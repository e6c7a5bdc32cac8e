"""What is printed can neither drive a terminal nor fall out of its columns."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.output import (
    columns,
    duration,
    escaped,
    escaped_json,
    one_line,
    print_json,
    print_table,
    size_text,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("over\rwritten", r"over\rwritten"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066\u2069", r"\u2066\u2069"),
        ("bell\x07", r"bell\x07"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("straße\xa0日本", "straße\xa0日本"),
    ],
)
def test_escaped_spells_out_what_a_terminal_would_obey(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text())
def test_escaped_text_never_holds_an_escape(text: str) -> None:
    assert not set(escaped(text)) & {"\x1b", "\r", "\x07", "\x08", "\x9b", "\u202e", "\u2066", "\x7f", "\x00"}


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_one_line_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_escaped_json_parses_to_the_same_value(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(escaped_json(text)) == value


def test_json_output_is_safe_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "\x1b[2J\x9b\u202e"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": "\x1b[2J\x9b\u202e"}
    assert out.isascii()


def test_columns_align_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [("日本", "1"), ("abc", "2"), ("two\nlines", "3")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NAME       N", "日本       1", "abc        2", "two lines  3"]
    assert {columns(line) for line in lines} == {12}


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(0, "0s"), (59_999, "59s"), (60_000, "1m"), (7_200_000, "2h"), (3e8, "3d"), (-5, "0s")],
)
def test_duration_has_one_unit(length_ms: float, text: str) -> None:
    assert duration(length_ms) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2.5e9, "2.5 GB")]
)
def test_size_text_has_one_unit(size: float, text: str) -> None:
    assert size_text(size) == text
