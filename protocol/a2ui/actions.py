"""What somebody does on a surface, as the line the agent reads.

Source: `agent.request` of OpenClaw's apps (2026.7.1), word by word.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

MAX_MESSAGE_CHARS: Final = 20_000
"""What `agent.request` takes. Source: OpenClaw's gateway."""

MAX_WORD_CHARS: Final = 256

_NOT_A_WORD: Final = re.compile(r"[^A-Za-z0-9_.:-]")


def action_message(
    *,
    name: str,
    session_key: str,
    surface_id: str,
    component_id: str,
    host: str,
    instance: str,
    context: Mapping[str, Any] | None,
) -> str:
    """The line.

    Raises:
        ValueError: its context is too long for one message.
    """
    words = [
        "CANVAS_A2UI",
        f"action={as_word(name)}",
        f"session={as_word(session_key)}",
        f"surface={as_word(surface_id)}",
        f"component={as_word(component_id)}",
        f"host={as_word(host)}",
        f"instance={as_word(instance)}",
    ]
    if context:
        words.append(f"ctx={msgspec.json.encode(context).decode()}")
    message = " ".join([*words, "default=update_canvas"])
    if len(message) > MAX_MESSAGE_CHARS:
        raise ValueError(f"the action carries more than {MAX_MESSAGE_CHARS} characters")
    return message


def as_word(text: str) -> str:
    """A value as one word of the line."""
    return _NOT_A_WORD.sub("_", text.strip()[:MAX_WORD_CHARS]) or "-"
