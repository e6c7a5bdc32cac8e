"""Finding what was said."""

import hypothesis
from hypothesis import strategies

from gateway.transcripts.search import match_expression
from gateway.transcripts.service import Transcripts
from tests.gateway.transcripts.conftest import SESSION, said


async def test_all_words_must_occur_and_the_last_may_be_unfinished(transcripts: Transcripts) -> None:
    (first,) = await transcripts.append(SESSION, [said("Call the Plumber about the kitchen sink")])
    await transcripts.append("other", [said("the sink of the bathroom")])
    assert len(await transcripts.search("sink")) == 2
    (hit,) = await transcripts.search("SINK kitch")
    assert (hit.session_id, hit.message_id, hit.role) == (SESSION, first.id, "user")
    assert hit.timestamp == 1_800_000_000_000
    assert "kitchen sink" in hit.snippet
    assert hit.score > 0
    assert await transcripts.search("sink garage") == []


async def test_accents_do_not_matter_and_tool_output_is_not_searched(transcripts: Transcripts) -> None:
    await transcripts.append(
        SESSION, [said("Café Zoë"), said("cafe in a log", role="toolResult"), said("no", role="assistant")]
    )
    assert [hit.role for hit in await transcripts.search("cafe zoe")] == ["user"]
    assert [hit.role for hit in await transcripts.search("café")] == ["user"]


async def test_only_the_given_sessions_are_searched(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said("apple one")])
    await transcripts.append("other", [said("apple two")])
    hits = await transcripts.search("apple", session_ids=["other", "unknown"])
    assert [hit.session_id for hit in hits] == ["other"]
    assert await transcripts.search("apple", session_ids=[]) == []
    assert len(await transcripts.search("apple", limit=1)) == 1


@hypothesis.given(strategies.text())
def test_no_text_breaks_the_expression(query: str) -> None:
    expression = match_expression(query)
    assert expression is None or expression.count('"') % 2 == 0


async def test_operators_of_the_search_engine_are_only_words(transcripts: Transcripts) -> None:
    await transcripts.append(SESSION, [said("cats and dogs")])
    for query in (
        '"',
        "*",
        "a OR b*",
        "text:cats",
        "NEAR(cats dogs)",
        "cats AND",
        "^cats",
        "-cats",
        "'; DROP",
        "\x00",
    ):
        await transcripts.search(query)
    assert len(await transcripts.search('cats "dogs"')) == 1
