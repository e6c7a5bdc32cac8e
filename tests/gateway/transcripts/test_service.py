"""Appending, reading, compacting, deleting."""

import asyncio

import msgspec
import pytest

from gateway.transcripts.model import NewEntry, TranscriptSettings
from gateway.transcripts.service import DAY_MS, Transcripts
from gateway.transcripts.text import decode_message
from protocol.errors import InvalidRequest, JsonValue, NotFound
from protocol.nouns.message import MessageMeta, TranscriptMessage
from tests.gateway.transcripts.conftest import SESSION, Book, said


def texts(messages: list[TranscriptMessage]) -> list[JsonValue]:
    return [decode_message(message)["content"] for message in messages]


def meta(message: TranscriptMessage) -> MessageMeta:
    class Shown(msgspec.Struct):
        openclaw: MessageMeta = msgspec.field(name="__openclaw")

    return msgspec.json.decode(message, type=Shown).openclaw


async def test_appended_messages_are_read_back_in_order_with_their_positions(
    transcripts: Transcripts,
) -> None:
    stored = await transcripts.append(SESSION, [said("one"), said("two", role="assistant")])
    other = await transcripts.append("other", [said("elsewhere")])
    later = await transcripts.append(SESSION, [said("three")])

    assert [entry.seq for entry in (*stored, *later)] == [1, 2, 3]
    assert [entry.raw_seq for entry in (*stored, *other, *later)] == [1, 2, 3, 4]
    assert [entry.parent_id for entry in (*stored, *later)] == [None, stored[0].id, stored[1].id]
    page = await transcripts.history(SESSION)
    assert texts(page.messages) == ["one", "two", "three"]
    assert (page.total, page.has_more, page.next_offset, page.leaf_id) == (3, False, None, later[0].id)
    shown = meta(page.messages[2])
    assert (shown.id, shown.seq, shown.transcript_position.raw_seq) == (later[0].id, 3, 4)
    assert meta(page.messages[0]).transcript_position.source == shown.transcript_position.source


async def test_what_the_caller_knows_about_a_message_is_kept_beside_its_position(
    transcripts: Transcripts,
) -> None:
    entry = NewEntry(
        message={"role": "user", "content": "hi", "__openclaw": {"senderId": "owner", "seq": 99}},
        run_id="run-1",
        idempotency_key="run-1:user",
        id="chosen",
    )
    (stored,) = await transcripts.append(SESSION, [entry])
    about = decode_message(stored.message)["__openclaw"]
    assert isinstance(about, dict)
    assert (about["senderId"], about["seq"], about["id"]) == ("owner", 1, "chosen")
    assert (about["runId"], about["idempotencyKey"]) == ("run-1", "run-1:user")


async def test_the_same_key_is_stored_once_also_after_a_restart(book: Book) -> None:
    """DC-4: the outbox of chat may deliver an entry any number of times."""
    transcripts = await book.open()
    first = await transcripts.append(SESSION, [said("hello", key="k1"), said("again", key="k2")])
    transcripts = await book.open()
    second = await transcripts.append(SESSION, [said("hello", key="k1"), said("more", key="k3")])

    assert second[0].id == first[0].id
    assert (first[0].repeated, second[0].repeated, second[1].repeated) == (False, True, False)
    assert second[1].parent_id == first[1].id
    assert texts((await transcripts.history(SESSION)).messages) == ["hello", "again", "more"]
    other = await transcripts.append("other", [said("hello", key="k1")])
    assert not other[0].repeated


async def test_many_writers_at_once_leave_one_unbroken_order(transcripts: Transcripts) -> None:
    """S3.M1-1: numbers within a session are given once each and without holes."""
    await asyncio.gather(*(transcripts.append(SESSION, [said(f"{n}", key=f"{n % 40}")]) for n in range(80)))
    page = await transcripts.history(SESSION, limit=1000)
    assert [meta(message).seq for message in page.messages] == list(range(1, 41))
    assert sorted(str(text) for text in texts(page.messages)) == sorted(f"{n}" for n in range(40))


async def test_too_large_a_message_is_refused_and_nothing_of_the_batch_is_stored(book: Book) -> None:
    """S3.M0-2: 2 MB message gives an error."""
    transcripts = await book.open()
    with pytest.raises(InvalidRequest, match="message: too large") as refused:
        await transcripts.append(SESSION, [said("fine"), said("x" * 2_000_000)])
    assert refused.value.details == {"field": "message", "maxBytes": 1024 * 1024}
    assert (await transcripts.history(SESSION)).total == 0


async def test_of_500_turns_an_agent_is_given_the_configured_number(book: Book) -> None:
    """S3.M0-2: 500 turns, active at most the limit; what is left out stays readable."""
    book.settings = TranscriptSettings(max_active_turns=50)
    transcripts = await book.open()
    turns = ((said(f"q{n}"), said(f"a{n}", role="assistant")) for n in range(500))
    await transcripts.append(SESSION, [entry for turn in turns for entry in turn])

    active = texts(await transcripts.context(SESSION))
    assert active[0] == "q450"
    assert active[-1] == "a499"
    assert len(active) == 100
    assert (await transcripts.history(SESSION, limit=1)).total == 1000


async def test_context_is_whole_turns_within_its_bytes(transcripts: Transcripts) -> None:
    await transcripts.append(
        SESSION,
        [
            said("old " + "x" * 3000),
            said("done", role="assistant"),
            said("look"),
            said("result " + "y" * 500, role="toolResult"),
            said("it is y", role="assistant"),
        ],
    )
    context = texts(await transcripts.context(SESSION, max_bytes=3000))
    assert context[0] == "look"
    assert len(context) == 3
    assert texts(await transcripts.context(SESSION, max_bytes=100)) == []
    whole = await transcripts.history(SESSION)
    before = await transcripts.context(SESSION, before_id=meta(whole.messages[2]).id)
    assert texts(before)[1] == "done"
    assert len(before) == 2


async def test_context_keeps_what_was_injected_before_the_first_person_spoke(
    transcripts: Transcripts,
) -> None:
    await transcripts.inject(SESSION, "Welcome", label="system")
    await transcripts.append(SESSION, [said("hi")])
    assert len(await transcripts.context(SESSION)) == 2


async def test_compaction_shortens_the_agents_view_and_nothing_else(transcripts: Transcripts) -> None:
    for n in range(5):
        await transcripts.append(SESSION, [said(f"q{n}"), said(f"a{n}", role="assistant")])
    assert not (await transcripts.compact(SESSION, 10)).compacted
    cursor = (await transcripts.history(SESSION)).delta_cursor
    assert cursor is not None

    outcome = await transcripts.compact(SESSION, 4)

    assert (outcome.compacted, outcome.kept) == (True, 4)
    assert texts(await transcripts.context(SESSION)) == ["q3", "a3", "q4", "a4"]
    newest = await transcripts.history(SESSION)
    assert texts(newest.messages) == ["q3", "a3", "q4", "a4"]
    assert (newest.total, newest.next_offset) == (10, 4)
    assert texts((await transcripts.history(SESSION, offset=4)).messages)[-1] == "a2"
    assert await transcripts.delta(SESSION, cursor) is None
    await transcripts.append(SESSION, [said("q5")])
    assert texts(await transcripts.context(SESSION))[0] == "q3"


async def test_compacting_nothing_does_nothing(transcripts: Transcripts) -> None:
    outcome = await transcripts.compact("unknown", 3)
    assert (outcome.compacted, outcome.kept) == (False, 0)


async def test_deleted_is_hidden_at_once_and_erased_after_its_days(book: Book) -> None:
    transcripts = await book.open()
    (kept,) = await transcripts.append(SESSION, [said("a secret word")])
    await transcripts.append("other", [said("another word")])

    archived = await transcripts.delete(SESSION)

    assert archived == [f"transcripts.db/{SESSION}.deleted.{book.clock.now_ms()}"]
    assert await transcripts.delete(SESSION) == []
    assert (await transcripts.history(SESSION)).total == 0
    assert await transcripts.message(SESSION, kept.id) is None
    assert [hit.session_id for hit in await transcripts.search("word")] == ["other"]
    with pytest.raises(NotFound, match="deleted"):
        await transcripts.append(SESSION, [said("too late")])
    book.clock.jump(29 * DAY_MS / 1000)
    assert await transcripts.reap() == 0
    book.clock.jump(2 * DAY_MS / 1000)
    assert await transcripts.reap() == 1
    assert (await transcripts.stats()).entries == 1
    assert (await transcripts.stats()).deleted_sessions == 0


async def test_a_long_transcript_is_erased_in_several_units(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transcripts.upkeep.ERASED_AT_ONCE", 3)
    transcripts = await book.open()
    await transcripts.append(SESSION, [said(f"{n}") for n in range(7)])
    await transcripts.delete(SESSION)
    book.clock.jump(40 * DAY_MS / 1000)
    assert await transcripts.reap() == 1
    assert (await transcripts.stats()).entries == 0
    assert await transcripts.search("1") == []


async def test_sizes_are_counted(transcripts: Transcripts) -> None:
    stored = await transcripts.append(SESSION, [said("one"), said("two")])
    extent = await transcripts.extent(SESSION)
    assert extent.entries == 2
    assert extent.stored_bytes == sum(len(bytes(entry.message)) for entry in stored)
    assert (await transcripts.extent("unknown")).entries == 0
    stats = await transcripts.stats()
    assert (stats.sessions, stats.entries, stats.stored_bytes) == (1, 2, extent.stored_bytes)


async def test_injected_message_names_its_label_and_is_found_by_its_key(transcripts: Transcripts) -> None:
    stored = await transcripts.inject(
        SESSION, "The door is open.", label="doorbell", idempotency_key="bell-1"
    )
    assert await transcripts.find(SESSION, "bell-1") == stored
    assert await transcripts.leaf(SESSION) == stored.id
    message = decode_message(stored.message)
    assert message["content"] == [{"type": "text", "text": "[doorbell]\n\nThe door is open."}]
    assert await transcripts.find(SESSION, "bell-2") is None
    assert await transcripts.leaf("unknown") is None
