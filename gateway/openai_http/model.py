"""The requests and answers of the OpenAI chat completions interface, as far as an agent can use them.

Source: OpenAI API reference, "Create chat completion". Unknown request fields are ignored.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from protocol.errors import InvalidRequest


class ContentPart(msgspec.Struct):
    """A part of a message; only text parts are understood."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        """Its words.

        Raises:
            InvalidRequest: when it holds a part that is not text.
        """
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        other = next((part.type for part in self.content if part.type not in {"text", "input_text"}), None)
        if other is not None:
            raise InvalidRequest(f"messages: {other} parts are not supported", {"field": "messages"})
        return "\n".join(part.text for part in self.content)


class StreamOptions(msgspec.Struct):
    """How to stream."""

    include_usage: bool = False


class CompletionRequest(msgspec.Struct):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=2000)]
    model: Annotated[str, Meta(max_length=256)] = "homarus"
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: Annotated[str, Meta(max_length=256)] | None = None
    """Names a conversation that goes on; without it every request is one of its own."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens, as the model reported them; zero when no model was asked."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a stream."""

    id: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    object: Literal["chat.completion.chunk", "chat.completion"] = msgspec.field()
    usage: Usage | None = None
