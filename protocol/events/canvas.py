"""Events about what agents draw."""

from typing import Any

from protocol.method import Event, event
from protocol.scopes import Scope


@event("canvas.changed", Scope.READ)
class CanvasChanged(Event):
    """An agent has drawn. Without messages everything of the session is gone."""

    session_key: str
    messages: list[dict[str, Any]]
    """A2UI, checked, in the order to apply them."""
    surfaces: list[str]
    """Ids of the surfaces that are drawn then."""
