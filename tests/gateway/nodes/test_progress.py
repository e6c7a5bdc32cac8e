"""Pieces of output arrive in any order and are handed on once each, in order (row S0.3-4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.nodes.progress import MAX_HELD, Progress
from protocol.errors import InvalidRequest


@given(st.integers(0, MAX_HELD).flatmap(lambda count: st.permutations(range(count))))
def test_any_order_becomes_the_right_order(order: list[int]) -> None:
    heard: list[str] = []
    progress = Progress(heard.append)
    assert all(progress.take(seq, str(seq)) for seq in order)
    assert heard == [str(seq) for seq in range(len(order))]


@given(st.lists(st.tuples(st.integers(0, 12), st.text(max_size=3)), max_size=60))
def test_every_piece_counts_once_and_the_first_one_does(pieces: list[tuple[int, str]]) -> None:
    heard: list[str] = []
    progress = Progress(heard.append)
    first: dict[int, str] = {}
    for seq, chunk in pieces:
        assert progress.take(seq, chunk) is (seq not in first)
        first.setdefault(seq, chunk)
    expected: list[str] = []
    while len(expected) in first:
        expected.append(first[len(expected)])
    assert heard == expected


def test_pieces_that_nobody_listens_to_are_not_kept() -> None:
    progress = Progress(None)
    assert not any(progress.take(seq, "x" * 16_384) for seq in (0, 5, 7_000_000_000))


def test_a_piece_that_will_not_come_is_named_once_too_many_wait() -> None:
    heard: list[str] = []
    progress = Progress(heard.append)
    for seq in range(1, MAX_HELD + 1):
        assert progress.take(seq, str(seq))
    with pytest.raises(InvalidRequest, match="piece 0 is missing") as refused:
        progress.take(MAX_HELD + 1, "one too many")
    assert refused.value.details["field"] == "seq"
    assert progress.take(0, "0"), "the missing one still comes through"
    assert heard == [str(seq) for seq in range(MAX_HELD + 1)]
