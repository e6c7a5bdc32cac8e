"""What somebody did on a surface, as the page hands it over."""

from typing import Any, Final

import msgspec

MAX_ACTION_CHARS: Final = 64 * 1024
"""Of one action; its context holds what a form was filled with."""

MAIN_SESSION: Final = "main"

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
    if len(text) > MAX_ACTION_CHARS:
        raise ValueError(f"an action has at most {MAX_ACTION_CHARS} characters")
    try:
        action = msgspec.json.decode(text, type=_Envelope).user_action
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError(f"no action: {error}") from error
    if not action.name.strip():
        raise ValueError("an action has a name")
    return action
