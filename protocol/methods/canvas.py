"""What agents draw, for a client that shows it itself."""

from typing import Annotated, Any

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Scope

SessionKeyText = Annotated[str, Meta(min_length=1, max_length=512)]


class CanvasDrawn(Wire):
    """The surfaces of a session."""

    session_key: str
    surfaces: list[str]
    """Ids."""
    messages: list[dict[str, Any]]
    """A2UI that draws all of them from nothing; `canvas.changed` brings what comes after."""


@method("canvas.surfaces", Scope.READ, additive=True)
class CanvasSurfaces(Call[CanvasDrawn], forbid_unknown_fields=True):
    """What a session has drawn."""

    session_key: SessionKeyText


class CanvasActed(Wire):
    """The action is on disk; `run_id` answers it."""

    run_id: str
    session_key: str


@method("canvas.act", Scope.WRITE, additive=True)
class CanvasAct(Call[CanvasActed], forbid_unknown_fields=True):
    """Somebody did something on a surface that this client shows; it goes to the agent of the session.

    Errors: `INVALID_REQUEST` when it carries too much.
    """

    session_key: SessionKeyText
    name: Annotated[str, Meta(min_length=1, max_length=256)]
    surface_id: Annotated[str, Meta(min_length=1, max_length=256)]
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=256)]
    source_component_id: Annotated[str, Meta(max_length=256)] = ""
    context: dict[str, Any] | None = None
