"""The canvas of a node: pages it shows, and interfaces (A2UI) it draws.

Source: OpenClaw docs/nodes/canvas (2026.7.1 and 2026.9.6) and recorded answers of its apps.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.method import Command, Wire, command

MAX_URL_CHARS = 8192
"""More is no address but data."""

MAX_SCRIPT_CHARS = 262_144
"""Of a script to run on the canvas page."""

MAX_JSONL_CHARS = 4 * 1024 * 1024
"""Of one push. Source: limit of the Windows app, the largest of OpenClaw's own."""

CanvasUrl = Annotated[str, Meta(max_length=MAX_URL_CHARS)]
Coordinate = Annotated[float, Meta(ge=-100_000, le=100_000)]
Extent = Annotated[float, Meta(gt=0, le=16_384)]


class Placement(Wire):
    """Where the canvas is on the screen, in points; what is absent the device chooses."""

    x: Coordinate | None = None
    y: Coordinate | None = None
    width: Extent | None = None
    height: Extent | None = None


class CanvasDone(Wire):
    """It is done."""

    ok: bool


@command("canvas.present", capability="canvas")
class CanvasPresent(Command[CanvasDone]):
    """Show the canvas, with a page when `url` is given; otherwise with what it showed last.

    Errors: `CANVAS_DISABLED`, `CANVAS_UNAVAILABLE`, `INVALID_REQUEST` for an address policy forbids.
    """

    url: CanvasUrl | None = None
    placement: Placement | None = None


@command("canvas.hide", capability="canvas")
class CanvasHide(Command[CanvasDone]):
    """Hide the canvas; what it shows stays."""


@command("canvas.navigate", capability="canvas")
class CanvasNavigate(Command[CanvasDone]):
    """Show another page on the canvas.

    Errors: as `canvas.present`.
    """

    url: CanvasUrl


class Evaluated(Wire):
    """What a script gave: text as it is, everything else as JSON."""

    result: str


@command("canvas.eval", capability="canvas")
class CanvasEval(Command[Evaluated]):
    """Run a script on the page that was presented, and on no other.

    Errors: `INVALID_REQUEST` when the script throws or no presented page is shown.
    """

    java_script: Annotated[str, Meta(min_length=1, max_length=MAX_SCRIPT_CHARS)]


class CanvasPicture(Wire):
    """What the canvas shows."""

    format: str
    base64: str


@command("canvas.snapshot", capability="canvas")
class CanvasSnapshot(Command[CanvasPicture]):
    """Take a picture of the canvas.

    Errors: `CANVAS_UNAVAILABLE`, `PAYLOAD_TOO_LARGE`.
    """

    format: Literal["png", "jpeg", "jpg"] = "png"
    max_width: Annotated[int, Meta(ge=16, le=7680)] | None = None
    """Pixels; 900 for a PNG and 1600 for a JPEG unless given."""
    quality: Annotated[float, Meta(gt=0, le=1)] = 0.9


class A2uiShown(Wire):
    """What the renderer says: the surfaces it shows now."""

    ok: bool
    surfaces: tuple[str, ...] = ()


@command("canvas.a2ui.push", capability="canvas")
class CanvasA2uiPush(Command[A2uiShown]):
    """Draw: exactly one of both. Every message is checked before any is drawn.

    Errors: `INVALID_REQUEST` naming the lines that are wrong, `A2UI_HOST_UNAVAILABLE`,
    `A2UI_HOST_NOT_CONFIGURED`.
    """

    messages: Annotated[list[msgspec.Raw], Meta(max_length=4096)] | None = None
    jsonl: Annotated[str, Meta(max_length=MAX_JSONL_CHARS)] | None = None
    """A message a line."""


@command("canvas.a2ui.pushJSONL", capability="canvas")
class CanvasA2uiPushJsonl(Command[A2uiShown]):
    """Draw; a message a line.

    Errors: as `canvas.a2ui.push`.
    """

    jsonl: Annotated[str, Meta(max_length=MAX_JSONL_CHARS)]


@command("canvas.a2ui.reset", capability="canvas")
class CanvasA2uiReset(Command[CanvasDone]):
    """Take every surface away.

    Errors: as `canvas.a2ui.push`.
    """
