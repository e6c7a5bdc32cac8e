"""A task an agent suggests."""

from typing import Annotated

from msgspec import Meta

from protocol.method import Wire

TaskId = Annotated[str, Meta(min_length=1, max_length=128)]

Title = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]

Prompt = Annotated[str, Meta(min_length=1, max_length=32_768, pattern=r"\S")]

Tldr = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"\S")]

Cwd = Annotated[str, Meta(min_length=1, max_length=4096)]

Key = Annotated[str, Meta(min_length=1, max_length=512)]


class TaskSuggestion(Wire):
    """One suggestion. `prompt` is the message an agent would get; `created_at` is Unix milliseconds."""

    id: str
    title: Title
    prompt: Prompt
    tldr: Tldr
    cwd: Cwd
    session_key: Key
    created_at: int
    agent_id: TaskId | None = None
