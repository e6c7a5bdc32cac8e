"""The words of a message, and messages made small enough to list."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from protocol.errors import JsonValue
from protocol.nouns.message import TranscriptMessage

META: Final = "__openclaw"
"""Member of a message that holds what the gateway knows about it. Its name is part of the wire protocol."""

MAX_TEXT_CHARS: Final = 8_000
"""Longest text of one message in a list. Observed: OpenClaw 2026.9.6 cuts at 8 000 characters."""

MAX_LISTED_BYTES: Final = 128 * 1024
"""Largest message in a list, as JSON; a larger one is replaced by a placeholder. Observed: 131 072."""

CUT: Final = "\n… (shortened here; open the message to read all of it)"
"""Ends a text that was cut."""

TOO_LARGE: Final = "[This message is too large to be listed; open it to read it.]"
"""Stands for a message that was left out."""

_KEPT: Final = ("role", "timestamp", "toolCallId", "toolName", "isError", "stopReason", "provider", "model")
"""What a placeholder keeps, so that calls and results still find each other."""

_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode


def words_of(message: Mapping[str, JsonValue]) -> str:
    """What a person reads of a message: its text without images, tool calls and thoughts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (
        block.get("text") for block in content if isinstance(block, dict) and block.get("type") == "text"
    )
    return "\n".join(text for text in texts if isinstance(text, str))


def decode_message(message: TranscriptMessage | bytes) -> dict[str, JsonValue]:
    """A stored message as a JSON object."""
    return cast("dict[str, JsonValue]", _decoder.decode(message))


def listed(message: bytes, max_chars: int = MAX_TEXT_CHARS) -> bytes:
    """`message` fit for a list: texts cut to `max_chars`, and as a whole at most `MAX_LISTED_BYTES`.

    What was cut carries `truncated: true` and a `reason` (`display-cap` or `oversized`) in its `__openclaw`
    member; an uncut message is returned as the same bytes.
    """
    if len(message) <= min(max_chars, MAX_LISTED_BYTES):
        return message
    whole = decode_message(message)
    content, cut = _cut_content(whole.get("content"), max_chars)
    shortened = message if not cut else _encode(_marked({**whole, "content": content}, "display-cap"))
    if len(shortened) <= MAX_LISTED_BYTES:
        return shortened
    block: JsonValue = {"type": "text", "text": TOO_LARGE}
    kept: dict[str, JsonValue] = {name: whole[name] for name in _KEPT if name in whole}
    return _encode(_marked({**kept, "content": [block], META: whole.get(META)}, "oversized"))


def _cut_content(content: JsonValue, max_chars: int) -> tuple[JsonValue, bool]:
    if isinstance(content, str):
        return (content, False) if len(content) <= max_chars else (content[:max_chars] + CUT, True)
    if not isinstance(content, list):
        return content, False
    blocks: list[JsonValue] = []
    any_cut = False
    for block in content:
        short, cut = _cut_block(block, max_chars)
        blocks.append(short)
        any_cut = any_cut or cut
    return blocks, any_cut


def _cut_block(block: JsonValue, max_chars: int) -> tuple[JsonValue, bool]:
    if not isinstance(block, dict):
        return block, False
    text = block.get("text")
    if not isinstance(text, str) or len(text) <= max_chars:
        return block, False
    return {**block, "text": text[:max_chars] + CUT}, True


def _marked(message: dict[str, JsonValue], reason: str) -> dict[str, JsonValue]:
    meta = message.get(META)
    known = cast("dict[str, JsonValue]", meta) if isinstance(meta, dict) else {}
    return {**message, META: {**known, "truncated": True, "reason": reason}}
