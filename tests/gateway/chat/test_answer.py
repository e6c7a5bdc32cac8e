"""The words of an answer, and what an agent is told of earlier ones. Pure."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.model import HistoryMessage, TextBlock, ToolCallBlock, ToolResultBlock
from gateway.chat.answer import Answer
from gateway.chat.commands import COMMANDS, parse
from gateway.chat.context import history_of


def raw(**message: object) -> msgspec.Raw:
    """A stored message."""
    return msgspec.Raw(json.dumps(message).encode())


class TestAnswer:
    """Parts, bounds, pieces."""

    @given(st.lists(st.one_of(st.text(min_size=1, max_size=5), st.none()), max_size=30))
    def test_pieces_add_up_to_the_whole(self, steps: list[str | None]) -> None:
        answer, shown = Answer(), ""
        for number, step in enumerate(steps):
            if step is None:
                answer.next_part()
            else:
                answer.add(step)
            if number % 3 == 0:
                shown += answer.take_fresh()[0]
        shown += answer.take_fresh()[0]
        assert shown == answer.text
        assert answer.chars == len(answer.text)

    def test_parts_are_set_apart(self) -> None:
        answer = Answer()
        for step in ("a", "b"):
            answer.add(step)
        answer.next_part()
        answer.next_part()
        answer.add("c")
        assert (answer.text, answer.part, answer.part_number) == ("ab\n\nc", "c", 2)
        assert answer.take_fresh() == ("ab\n\nc", "abc")

    def test_no_more_than_the_bound_is_taken(self) -> None:
        answer = Answer(max_chars=5)
        answer.add("abc")
        assert not answer.full
        answer.add("defgh")
        answer.add("i")
        assert (answer.text, answer.full) == ("abcde", True)


class TestHistory:
    """Stored messages as an agent gets them."""

    def test_words_calls_and_results(self) -> None:
        call = {"type": "toolCall", "id": "c1", "name": "exec", "arguments": {"command": "ls"}}
        lost: dict[str, object] = {"type": "toolCall", "id": "c2", "name": "exec", "arguments": {}}
        history = history_of(
            [
                raw(role="user", content="look", timestamp=1, idempotencyKey="k1:user"),
                raw(role="assistant", content=[{"type": "text", "text": "Let me"}, call]),
                raw(
                    role="toolResult",
                    toolCallId="c1",
                    toolName="exec",
                    content=[{"type": "text", "text": "a"}],
                ),
                raw(role="assistant", content=[lost]),
                raw(role="assistant", content=[{"type": "text", "text": "Done"}], stopReason="stop"),
            ]
        )
        assert history == (
            HistoryMessage("user", (TextBlock("look"),)),
            HistoryMessage(
                "assistant", (TextBlock("Let me"), ToolCallBlock("c1", "exec", {"command": "ls"}))
            ),
            HistoryMessage("tool", (ToolResultBlock("c1", "exec", "a", False),)),
            HistoryMessage("assistant", (TextBlock("Done"),)),
        )

    def test_commands_and_unknown_roles_are_left_out(self) -> None:
        messages = [
            raw(role="user", content="/status", command=True),
            raw(role="assistant", content=[{"type": "text", "text": "Idle"}], command=True),
            raw(role="system", content="compacted"),
            raw(role="assistant", content=[]),
        ]
        assert history_of(messages) == ()

    def test_files_are_remembered_by_name(self) -> None:
        content = [
            {"type": "text", "text": "see"},
            {"type": "image", "fileName": "a.png", "mimeType": "image/png"},
        ]
        (message,) = history_of([raw(role="user", content=content)])
        assert message.text == "see\n[attached a.png (image/png)]"


class TestCommandTable:
    """Names and parsing."""

    def test_every_word_names_one_command(self) -> None:
        words = [word for spec in COMMANDS for word in (spec.name, *spec.aliases)]
        assert len(words) == len(set(words))
        assert all(parse(f"/{word}") is not None for word in words)

    def test_what_is_and_what_is_not_a_command(self) -> None:
        assert parse("/QUEUE  collect ") is not None
        assert [parse(text) for text in ("help", "/unknown", "/", "", "//help", " /help")] == [None] * 6
        parsed = parse("/queue  collect ")
        assert parsed is not None
        assert (parsed[0].name, parsed[1]) == ("queue", "collect")
