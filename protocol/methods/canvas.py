"""What agents draw, for a client that shows it itself."""

from typing import Annotated, Any

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.scopes import Role, Scope

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


class SurfaceUrls(Wire):
    """Addresses below which a client finds what a feature serves."""

    surface: str
    plugin_surface_urls: dict[str, str]
    expires_at_ms: int | None = None
    """Absent when the address was not changed. Each use of it moves the end further away."""


SurfaceName = Annotated[str, Meta(min_length=1, max_length=64)]
ObservedUrl = Annotated[str, Meta(max_length=2048)]


@method("node.pluginSurface.refresh", None, roles=frozenset({Role.NODE}))
class NodePluginSurfaceRefresh(Call[SurfaceUrls]):
    """Give this node a new address in place of its old one, which then ends.

    Errors: `UNAVAILABLE` when there is none of that name for it, such as before its canvas is approved.
    """

    surface: SurfaceName
    observed_url: ObservedUrl | None = None
    """The one the node knows; when it is no longer the present one, that is told and nothing changes."""


@method("plugin.surface.refresh", Scope.READ)
class PluginSurfaceRefresh(Call[SurfaceUrls]):
    """The same for an operator."""

    surface: SurfaceName
    observed_url: ObservedUrl | None = None
