"""What an agent is told of the conversation so far."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from gateway.agents.model import Block, HistoryMessage, TextBlock, ToolCallBlock, ToolResultBlock
from protocol.nouns.message import TranscriptMessage


class _Part(msgspec.Struct, rename="camel"):
    """A block of stored content; only what an agent needs of it."""

    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    arguments: dict[str, object] = {}
    file_name: str | None = None
    mime_type: str | None = None


class _Stored(msgspec.Struct, rename="camel"):
    """A stored message; only what an agent needs of it."""

    role: str
    content: str | list[_Part] = ""
    tool_call_id: str = ""
    tool_name: str = ""
    is_error: bool = False
    command: bool = False


_decode = msgspec.json.Decoder(_Stored).decode


def history_of(messages: Iterable[TranscriptMessage]) -> tuple[HistoryMessage, ...]:
    """Stored messages as a runtime gets them, oldest first.

    Commands to the gateway are left out: they were not said to the agent. So are calls of tools whose answer
    is missing because a crash came between, which model providers refuse.
    """
    stored = [_decode(message) for message in messages]
    answered = {message.tool_call_id for message in stored if message.role == "toolResult"}
    turns = (_message(message, answered) for message in stored if not message.command)
    return tuple(turn for turn in turns if turn is not None)


def _message(stored: _Stored, answered: set[str]) -> HistoryMessage | None:
    role: Literal["user", "assistant", "tool"]
    blocks: Sequence[Block]
    if stored.role == "toolResult":
        text = "\n".join(_texts(stored.content))
        role, blocks = (
            "tool",
            (ToolResultBlock(stored.tool_call_id, stored.tool_name, text, stored.is_error),),
        )
    elif stored.role == "user":
        role, blocks = "user", tuple(TextBlock(text) for text in _texts(stored.content))
    elif stored.role == "assistant":
        role, blocks = "assistant", tuple(_assistant_blocks(stored.content, answered))
    else:
        return None
    return HistoryMessage(role, tuple(blocks)) if blocks else None


def _assistant_blocks(content: str | list[_Part], answered: set[str]) -> Iterable[Block]:
    for text in _texts(content):
        yield TextBlock(text)
    if isinstance(content, list):
        for part in content:
            if part.type == "toolCall" and part.id in answered:
                yield ToolCallBlock(part.id, part.name, part.arguments)


def _texts(content: str | list[_Part]) -> Iterable[str]:
    if isinstance(content, str):
        if content:
            yield content
        return
    for part in content:
        if part.text:
            yield part.text
        elif part.file_name is not None or part.mime_type is not None:
            # The bytes are not repeated in later turns; that there was a file is part of the conversation.
            yield f"[attached {part.file_name or 'file'} ({part.mime_type})]"
