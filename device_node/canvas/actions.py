"""What somebody does on a surface, on its way to the agent that drew it.

Source: OpenClaw's apps (2026.7.1): the message of `agent.request` and its words, letter by letter.
"""

import re
from typing import Any, Final

import msgspec

from device_node.text import printable

MAX_ACTION_BYTES: Final = 64 * 1024
"""Of one action; its context holds what a form was filled with."""

MAX_MESSAGE_CHARS: Final = 20_000
"""What `agent.request` takes. Source: OpenClaw's gateway."""

MAIN_SESSION: Final = "main"

_NOT_A_WORD: Final = re.compile(r"[^A-Za-z0-9_.:-]")

Name = str | None


class UserAction(msgspec.Struct, frozen=True, rename="camel"):
    """One action. What else a page adds is left out."""

    name: str
    id: Name = None
    surface_id: Name = None
    source_component_id: Name = None
    context: dict[str, Any] | None = None


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    user_action: UserAction


def read_action(text: str) -> UserAction:
    """What a page handed over.

    Raises:
        ValueError: it is no action.
    """
    if len(text) > MAX_ACTION_BYTES:
        raise ValueError(f"an action has at most {MAX_ACTION_BYTES} characters")
    try:
        action = msgspec.json.decode(text, type=_Envelope).user_action
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(f"no action: {error}") from error
    if not action.name.strip():
        raise ValueError("an action has a name")
    return action


def agent_message(action: UserAction, *, session_key: str, host: str, instance: str) -> str:
    """The line the agent reads.

    Raises:
        ValueError: its context is too long for one message.
    """
    words = [
        "CANVAS_A2UI",
        f"action={_word(action.name)}",
        f"session={_word(session_key)}",
        f"surface={_word(action.surface_id or 'main')}",
        f"component={_word(action.source_component_id or '-')}",
        f"host={_word(host)}",
        f"instance={_word(instance)}",
    ]
    if action.context:
        words.append(f"ctx={msgspec.json.encode(action.context).decode()}")
    message = " ".join([*words, "default=update_canvas"])
    if len(message) > MAX_MESSAGE_CHARS:
        raise ValueError(f"the action carries more than {MAX_MESSAGE_CHARS} characters")
    return message


def _word(text: str) -> str:
    return _NOT_A_WORD.sub("_", printable(text, 256).strip().replace(" ", "_")) or "-"
