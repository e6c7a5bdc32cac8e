"""Page cursors: what we gave out comes back; anything else is a typed error."""

import base64
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from protocol.errors import InvalidRequest

SQLITE_INTS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


@given(SQLITE_INTS, TEXTS)
def test_round_trip(number: int, text: str) -> None:
    cursor = encode_cursor((number, text))
    assert decode_cursor(cursor, tuple[int, str]) == (number, text)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_round_trip_of_other_parts() -> None:
    key = (None, 1.5, "a")
    assert decode_cursor(encode_cursor(key), tuple[int | None, float, str]) == key


def cursor_of(json: bytes) -> str:
    return base64.urlsafe_b64encode(json).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "a",
        "ä",
        "WzEsImEiXQ==\n",
        "W zEsImEiXQ",
        cursor_of(b"[1]"),
        cursor_of(b'["a",1]'),
        cursor_of(b'[1,"a",2]'),
        cursor_of(b'{"a":1}'),
        cursor_of(b'[9223372036854775808,"a"]'),
        cursor_of(b'[1,"\\ud800"]'),
        cursor_of(b'[1,"\xff"]'),
        cursor_of(b"[" * 1000),
        cursor_of(b'[1,"' + b"a" * 4000 + b'"]'),
    ],
)
def test_garbage_is_a_typed_error(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^after: not a cursor") as refused:
        decode_cursor(cursor, tuple[int, str], field="after")
    assert refused.value.details == {"field": "after"}


@given(st.text(max_size=200) | st.binary(max_size=200).map(cursor_of))
def test_whatever_a_stranger_sends_is_refused_or_usable(cursor: str) -> None:
    try:
        key = decode_cursor(cursor, tuple[int, str])
    except InvalidRequest:
        return
    with closing(sqlite3.connect(":memory:")) as conn:
        assert conn.execute("SELECT ?, ?", key).fetchone() == key


def test_pages_are_complete_while_rows_are_inserted() -> None:
    """S0.3-8: no row is missed or repeated while others arrive."""
    with closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("CREATE TABLE row (at INTEGER, id TEXT, PRIMARY KEY (at, id))")
        original = sorted((n // 3, f"r{n}") for n in range(100))
        conn.executemany("INSERT INTO row VALUES (?, ?)", original)
        seen: list[tuple[int, str]] = []
        key = (-1, "")
        while page := conn.execute(
            "SELECT at, id FROM row WHERE (at, id) > (?, ?) ORDER BY at, id LIMIT 7", key
        ).fetchall():
            seen += page
            key = decode_cursor(encode_cursor(page[-1]), tuple[int, str])
            conn.execute("INSERT INTO row VALUES (0, ?)", (f"late {len(seen)}",))
        assert [row_id for _, row_id in seen if row_id.startswith("r")] == [row_id for _, row_id in original]
        assert len(seen) == len(set(seen))
