"""The chain: what a hash covers, and that every kind of meddling is found at its first entry (U5)."""

import hashlib
import json
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.audit.chain import EMPTY, NO_HASH, Break, Draft, Entry, Head, Walk, link
from gateway.kernel.audit.details import MAX_DETAILS_BYTES, clean, encoded

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
drafts = st.builds(
    Draft,
    ts_ms=st.integers(0, 1 << 53),
    action=texts,
    actor=texts,
    subject=texts,
    outcome=texts,
    details=texts,
)


def chained(items: Sequence[Draft]) -> list[Entry]:
    """Linked drafts."""
    entries: list[Entry] = []
    for item in items:
        entries.append(link(entries[-1].head if entries else EMPTY, item))
    return entries


def first_break(entries: Sequence[Entry], noted: dict[int, str] | None = None) -> Break | None:
    """What a walk finds."""
    walk = Walk(noted or {})
    for entry in entries:
        if (broken := walk.step(entry)) is not None:
            return broken
    return walk.end()


def five() -> list[Entry]:
    """A small chain."""
    return chained(
        [Draft(ts_ms=i, action="a.b", actor="x", subject="", outcome="ok", details="{}") for i in range(1, 6)]
    )


@given(st.lists(drafts, min_size=1, max_size=8))
def test_anybody_can_check_a_chain_with_json_and_sha256_alone(items: list[Draft]) -> None:
    before = "0" * 64
    for entry in chained(items):
        array = [entry.seq, entry.ts_ms, entry.action, entry.actor]
        array += [entry.subject, entry.outcome, entry.details, before]
        text = json.dumps(array, separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(b"homarus.audit.v1\n" + text.encode()).hexdigest()
        assert entry.hash == before


def test_a_whole_chain_has_no_break_and_tells_its_ends() -> None:
    entries = five()
    walk = Walk({5: entries[4].hash, 2: entries[1].hash})
    assert [walk.step(entry) for entry in entries] == [None] * 5
    assert walk.end() is None
    assert (walk.genesis, walk.head) == (entries[0].hash, entries[4].head)
    assert Walk({}).genesis == NO_HASH


@given(st.lists(drafts, min_size=2, max_size=8), st.data())
def test_a_changed_field_is_found_where_it_is(items: list[Draft], data: st.DataObject) -> None:
    entries = chained(items)
    place = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from(("ts_ms", "action", "actor", "subject", "outcome", "details")))
    old = getattr(entries[place], name)
    new = old + 1 if isinstance(old, int) else old + "x"
    entries[place] = msgspec.structs.replace(entries[place], **{name: new})
    assert first_break(entries) == Break(place + 1, "altered")


def test_a_removed_a_swapped_and_a_rehashed_entry() -> None:
    entries = five()
    assert first_break(entries[:2] + entries[3:]) == Break(3, "missing")
    assert first_break(entries[1:]) == Break(1, "missing")
    swapped = [*entries[:1], *(msgspec.structs.replace(entries[i], seq=s) for i, s in ((2, 2), (1, 3)))]
    assert first_break(swapped) == Break(2, "altered")
    forged = link(entries[1].head, msgspec.structs.replace(entries[2], actor="somebody else"))
    assert first_break([*entries[:2], forged, *entries[3:]]) == Break(4, "unlinked")


def test_a_cut_or_rewritten_end_is_found_only_by_what_was_noted() -> None:
    entries = five()
    rewritten = chained([*entries[:3], msgspec.structs.replace(entries[3], actor="y"), entries[4]])
    assert (first_break(entries[:3]), first_break(rewritten)) == (None, None)
    noted = {5: entries[4].hash}
    assert first_break(entries[:3], noted) == Break(4, "cut")
    assert first_break(rewritten, noted) == Break(5, "rewritten")
    assert first_break([], noted) == Break(1, "cut")


def test_the_head_of_an_empty_chain() -> None:
    assert Head(0, NO_HASH) == EMPTY


def test_details_are_bounded_harmless_and_without_secrets() -> None:
    text = encoded({"command": "echo \u202e\x1b[2J", "token": "token=abcdef123456", "n": 1, "none": None})
    assert json.loads(text) == {
        "command": "echo \\u202e\\x1b[2J",
        "token": "token=***",
        "n": 1,
        "none": None,
    }
    assert encoded(None) == encoded({}) == "{}"
    big = encoded({"small": 1, **{f"text{i}": "x" * 1000 for i in range(20)}})
    kept = json.loads(big)
    assert len(big) <= MAX_DETAILS_BYTES
    assert kept["small"] == 1
    assert kept["leftOut"] + len(kept) - 2 == 20
    deep = json.loads(encoded({"deep": {"a": {"b": {"c": {"d": {}}}}}}))
    assert deep == {"deep": {"a": {"b": {"c": "…"}}}}
    assert len(json.loads(encoded({"many": list(range(1000))}))["many"]) == 64
    assert len(clean("x" * 10_000)) == 256
    names = {f"n{i:03d}" + "é" * 250: "é" * 50_000 for i in range(64)}
    assert len(encoded(names).encode()) <= MAX_DETAILS_BYTES
