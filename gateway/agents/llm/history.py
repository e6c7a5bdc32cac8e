"""Our conversation as the library's messages."""

from collections.abc import Sequence
from typing import Final, cast

from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

from gateway.agents.model import Attachment, HistoryMessage, TextBlock, ToolCallBlock, ToolResultBlock, Turn

MAX_INLINE_TEXT_BYTES: Final = 64 * 1024
"""A text file up to this size is read out to the model; a larger one is only named."""

MAX_INLINE_IMAGE_BYTES: Final = 6 * 1024 * 1024
"""Largest image all vendors take."""


def past(history: Sequence[HistoryMessage]) -> list[ModelMessage]:
    """Earlier messages. Calls without result and results without call are left out: providers refuse them."""
    answered = {
        block.call_id
        for message in history
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }
    called: set[str] = set()
    messages: list[ModelMessage] = []
    for message in history:
        if message.role == "assistant":
            response = _assistant(message, answered)
            called |= {part.tool_call_id for part in response.parts if isinstance(part, ToolCallPart)}
            if response.parts:
                messages.append(response)
        else:
            request = _request(message, called)
            if request.parts:
                messages.append(request)
    return messages


async def present(turn: Turn, *, images: bool) -> ModelRequest:
    """The message to answer, with what came along."""
    if not turn.attachments:
        return ModelRequest(parts=[UserPromptPart(content=turn.message)])
    content: list[UserContent] = [turn.message] if turn.message else []
    content += [await _attached(attachment, images=images) for attachment in turn.attachments]
    return ModelRequest(parts=[UserPromptPart(content=content)])


def size_of(messages: Sequence[ModelMessage]) -> tuple[int, int]:
    """Characters and attached images of messages, for estimating tokens."""
    chars = images = 0
    for message in messages:
        chars += len(message.instructions or "") if isinstance(message, ModelRequest) else 0
        for part in message.parts:
            for item in _items(part):
                images += isinstance(item, BinaryContent)
                chars += len(item) if isinstance(item, str) else 0
    return chars, images


def _items(part: ModelRequestPart | ModelResponsePart) -> Sequence[object]:
    if isinstance(part, ToolCallPart):
        return [part.args_as_json_str()]
    content: object = getattr(part, "content", "")
    return cast("list[object]", content) if isinstance(content, list) else [content]


def _assistant(message: HistoryMessage, answered: set[str]) -> ModelResponse:
    parts: list[TextPart | ToolCallPart] = []
    for block in message.content:
        if isinstance(block, TextBlock) and block.text:
            parts.append(TextPart(content=block.text))
        elif isinstance(block, ToolCallBlock) and block.call_id in answered:
            parts.append(
                ToolCallPart(tool_name=block.name, args=dict(block.args), tool_call_id=block.call_id)
            )
    return ModelResponse(parts=parts)


def _request(message: HistoryMessage, called: set[str]) -> ModelRequest:
    parts: list[UserPromptPart | ToolReturnPart] = []
    for block in message.content:
        if isinstance(block, TextBlock) and block.text:
            parts.append(UserPromptPart(content=block.text))
        elif isinstance(block, ToolResultBlock) and block.call_id in called:
            parts.append(ToolReturnPart(tool_name=block.name, content=block.text, tool_call_id=block.call_id))
    return ModelRequest(parts=parts)


async def _attached(attachment: Attachment, *, images: bool) -> UserContent:
    kind, name = attachment.media_type, attachment.file_name or "unnamed"
    if kind.startswith("image/") and images and attachment.size_bytes <= MAX_INLINE_IMAGE_BYTES:
        return BinaryContent(data=await attachment.read(), media_type=kind)
    if _is_text(kind) and attachment.size_bytes <= MAX_INLINE_TEXT_BYTES:
        text = (await attachment.read()).decode(errors="replace")
        return f'[attached file "{name}"]\n{text}'
    return f'[attached file "{name}", {kind}, {attachment.size_bytes} bytes: this model cannot be shown it]'


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in {"application/json", "application/xml", "application/yaml"}
