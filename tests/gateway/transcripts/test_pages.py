"""Pages, deltas and branches."""

import pytest

from gateway.transcripts.pages import DELTA_MAX_ENTRIES
from gateway.transcripts.service import Transcripts
from gateway.transcripts.text import MAX_LISTED_BYTES, decode_message
from protocol.errors import NotFound
from tests.gateway.transcripts.conftest import SESSION, said
from tests.gateway.transcripts.test_service import meta, texts


async def test_older_pages_follow_by_offset_without_gap_or_repetition(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said(f"{n}") for n in range(10)])
    newest = await transcripts.history(SESSION, limit=4)
    assert texts(newest.messages) == ["6", "7", "8", "9"]
    assert (newest.has_more, newest.next_offset) == (True, 4)
    older = await transcripts.history(SESSION, limit=4, offset=newest.next_offset or 0)
    assert texts(older.messages) == ["2", "3", "4", "5"]
    oldest = await transcripts.history(SESSION, limit=4, offset=older.next_offset or 0)
    assert texts(oldest.messages) == ["0", "1"]
    assert (oldest.has_more, oldest.next_offset) == (False, None)


async def test_a_page_fits_its_bytes_and_is_never_empty(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said(f"{n}" * 100) for n in range(10)])
    one = len(bytes((await transcripts.history(SESSION, limit=1)).messages[0]))
    page = await transcripts.history(SESSION, max_bytes=3 * one + one // 2)
    assert len(page.messages) == 3
    assert page.next_offset == 3
    assert len((await transcripts.history(SESSION, max_bytes=1)).messages) == 1


async def test_a_page_around_a_message_holds_it(transcripts: Transcripts) -> None:
    stored = await transcripts.append(SESSION, [said(f"{n}") for n in range(100)])
    page = await transcripts.history(SESSION, limit=10, message_id=stored[20].id)
    assert "20" in texts(page.messages)
    first = await transcripts.history(SESSION, limit=10, message_id=stored[0].id)
    assert texts(first.messages)[0] == "0"
    assert len(first.messages) == 10
    unknown = await transcripts.history(SESSION, limit=10, message_id="nowhere")
    assert texts(unknown.messages)[-1] == "99"


async def test_long_text_is_cut_in_a_list_and_whole_when_asked_for(transcripts: Transcripts) -> None:
    long = "ä" * 20_000
    (stored,) = await transcripts.append(SESSION, [said(long)])
    (listed,) = (await transcripts.history(SESSION)).messages
    text = texts([listed])[0]
    assert isinstance(text, str)
    assert text.startswith("ä" * 8_000)
    assert len(text) < 8_200
    assert (meta(listed).truncated, meta(listed).reason) == (True, "display-cap")
    (short,) = (await transcripts.history(SESSION, max_chars=10)).messages
    assert str(texts([short])[0]).startswith("ä" * 10 + "\n")
    whole = await transcripts.message(SESSION, stored.id)
    assert whole is not None
    assert texts([whole.message]) == [long]
    assert meta(whole.message).truncated is None


async def test_a_message_of_pictures_is_replaced_by_a_placeholder_that_keeps_its_identity(
    transcripts: Transcripts,
) -> None:
    picture = {"type": "image", "data": "A" * MAX_LISTED_BYTES}
    entry = said("", role="toolResult")
    entry.message.update(content=[{"type": "text", "text": "see"}, dict(picture)], toolCallId="call-1")
    (stored,) = await transcripts.append(SESSION, [entry])
    (listed,) = (await transcripts.history(SESSION)).messages
    assert len(bytes(listed)) < 1_000
    assert (meta(listed).id, meta(listed).reason) == (stored.id, "oversized")
    assert decode_message(listed)["toolCallId"] == "call-1"


async def test_delta_tells_what_came_since_and_moves_on(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said("one")])
    page = await transcripts.history(SESSION)
    assert page.delta_cursor is not None
    empty = await transcripts.delta(SESSION, page.delta_cursor)
    assert empty is not None
    assert (empty.messages, empty.cursor) == ([], page.delta_cursor)
    await transcripts.append("other", [said("elsewhere")])
    stored = await transcripts.append(SESSION, [said("two"), said("three")])
    delta = await transcripts.delta(SESSION, page.delta_cursor)
    assert delta is not None
    assert [entry.id for entry in delta.messages] == [entry.id for entry in stored]
    assert delta.leaf_id == stored[-1].id
    again = await transcripts.delta(SESSION, delta.cursor)
    assert again is not None
    assert again.messages == []


async def test_a_cursor_that_cannot_be_honoured_means_fetch_a_page(transcripts: Transcripts) -> None:
    first = await transcripts.append(SESSION, [said("one"), said("two")])
    cursor = (await transcripts.history(SESSION)).delta_cursor
    assert cursor is not None
    for strange in ("", "x", "é", "bm90IGpzb24", cursor[:-4], "a" * 5000):
        assert await transcripts.delta(SESSION, strange) is None
    await transcripts.append("other", [said("hi")])
    assert await transcripts.delta("other", cursor) is None
    await transcripts.append(SESSION, [said("instead", parent=first[0].id)])
    assert await transcripts.delta(SESSION, cursor) is None
    late = (await transcripts.history(SESSION)).delta_cursor
    assert late is not None
    await transcripts.append(SESSION, [said(f"{n}") for n in range(DELTA_MAX_ENTRIES + 1)])
    assert await transcripts.delta(SESSION, late) is None


async def test_the_empty_transcript(transcripts: Transcripts) -> None:
    page = await transcripts.history("unknown")
    assert (page.messages, page.total, page.leaf_id, page.delta_cursor) == ([], 0, None, None)
    assert await transcripts.delta("unknown", "x") is None
    assert await transcripts.context("unknown") == []
    assert await transcripts.branches("unknown") == []
    assert await transcripts.message("unknown", "x") is None


async def test_answering_an_earlier_message_makes_a_branch(transcripts: Transcripts) -> None:
    trunk = await transcripts.append(
        SESSION,
        [said("tell me"), said("a joke", role="assistant"), said("another"), said("ha", role="assistant")],
    )
    (only,) = await transcripts.branches(SESSION)
    assert (only.leaf_id, only.message_count, only.active) == (trunk[3].id, 4, True)
    (turned,) = await transcripts.append(SESSION, [said("a poem", parent=trunk[1].id)])

    page = await transcripts.history(SESSION)
    assert texts(page.messages) == ["tell me", "a joke", "a poem"]
    assert (page.total, page.leaf_id) == (3, turned.id)
    assert texts((await transcripts.history(SESSION, limit=1, offset=1)).messages) == ["a joke"]
    branches = await transcripts.branches(SESSION)
    assert [
        (branch.leaf_id, branch.headline, branch.message_count, branch.active) for branch in branches
    ] == [
        (turned.id, "a poem", 3, True),
        (trunk[3].id, "another", 4, False),
    ]
    await transcripts.switch(SESSION, trunk[3].id)
    assert texts((await transcripts.history(SESSION)).messages)[-1] == "ha"
    assert texts(await transcripts.context(SESSION, max_turns=1)) == ["another", "ha"]
    (deeper,) = await transcripts.append(SESSION, [said("more")])
    assert (deeper.parent_id, deeper.seq) == (trunk[3].id, 6)
    old = await transcripts.message(SESSION, turned.id)
    assert old is not None


async def test_starting_anew_hides_nothing(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said("one"), said("two")])
    await transcripts.switch(SESSION, None)
    assert (await transcripts.history(SESSION)).messages == []
    assert len(await transcripts.branches(SESSION)) == 1
    await transcripts.append(SESSION, [said("fresh")])
    assert texts((await transcripts.history(SESSION)).messages) == ["fresh"]


async def test_unknown_entries_are_refused(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said("one")])
    with pytest.raises(NotFound, match="no such message"):
        await transcripts.append(SESSION, [said("two", parent="nowhere")])
    with pytest.raises(NotFound, match="no such message"):
        await transcripts.switch(SESSION, "nowhere")
    assert (await transcripts.history(SESSION)).total == 1


async def test_a_fork_is_a_conversation_of_its_own(transcripts: Transcripts) -> None:
    trunk = await transcripts.append(SESSION, [said("one"), said("two"), said("three")])
    assert await transcripts.fork(SESSION, "copy", through_id=trunk[1].id) == 2
    assert await transcripts.fork(SESSION, "copy") == 0
    await transcripts.append("copy", [said("differently")])

    copied = await transcripts.history("copy")
    assert texts(copied.messages) == ["one", "two", "differently"]
    assert [meta(message).seq for message in copied.messages] == [1, 2, 3]
    assert meta(copied.messages[0]).id == trunk[0].id
    assert meta(copied.messages[0]).transcript_position.raw_seq == 4
    assert texts((await transcripts.history(SESSION)).messages) == ["one", "two", "three"]
