"""What the memory keeps and finds."""

import re
from typing import Final

import msgspec

from protocol.errors import InvalidRequest, Overloaded

MAX_TEXT_CHARS: Final = 4000
"""About a page. Longer texts are documents and belong into the agent's workspace."""

MAX_PER_AGENT: Final = 20_000
"""Measured: a search over this many rows stays below 20 ms; a person who talks all day needs years for it."""

_WORD: Final = re.compile(r"\w+")


class Memory(msgspec.Struct, frozen=True):
    """One thing that was kept."""

    id: int
    agent_id: str
    text: str
    session_key: str
    """Where it was said, or empty."""
    actor: str
    """Who said it."""
    created_ms: int
    updated_ms: int
    """When it was last said."""


class Recollection(msgspec.Struct, frozen=True):
    """A memory that fits a question; `score` is between 0 and 1, higher is better."""

    memory: Memory
    score: float


class MemoryFull(Overloaded):
    """The agent keeps as much as it may; something must be forgotten first."""

    detail_code = "MEMORY_FULL"
    retryable = False
    retry_after_ms = None


def checked_text(text: str, field: str = "text") -> str:
    """`text` without surrounding white space.

    Raises:
        InvalidRequest: when nothing a search could find is left, or it is longer than 4000 characters.
    """
    stripped = text.strip()
    if not words(stripped):
        raise InvalidRequest(f"{field}: say what to remember", {"field": field})
    if len(stripped) > MAX_TEXT_CHARS:
        raise InvalidRequest(f"{field}: at most {MAX_TEXT_CHARS} characters", {"field": field})
    return stripped


def words(text: str) -> list[str]:
    """The words of a text, casefolded, in order."""
    return _WORD.findall(text.casefold())
