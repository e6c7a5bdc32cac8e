"""Cameras and screens. Source: OpenClaw docs/nodes/camera.md (2026.9.6)."""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Command, Wire, command

Facing = Literal["front", "back"]
Width = Annotated[int, Meta(ge=16, le=7680)]
Quality = Annotated[float, Meta(gt=0, le=1)]
DurationMs = Annotated[int, Meta(ge=250, le=60_000)]
DeviceName = Annotated[str, Meta(min_length=1, max_length=512)]

MAX_MEDIA_BASE64_CHARS = 24 * 1024 * 1024
"""Longest picture or clip that still fits a frame; more is `PAYLOAD_TOO_LARGE`."""


class Camera(Wire):
    """One camera."""

    id: str
    name: str
    position: Literal["front", "back", "unspecified"]
    device_type: str


class Cameras(Wire):
    """The cameras of a node."""

    devices: list[Camera]


@command("camera.list", capability="camera")
class CameraList(Command[Cameras]):
    """Which cameras there are."""


class Picture(Wire):
    """A still picture; sizes in pixels."""

    format: str
    base64: str
    width: int
    height: int


@command("camera.snap", capability="camera")
class CameraSnap(Command[Picture]):
    """Take a picture.

    Errors: `CAMERA_DISABLED`, `CAMERA_PERMISSION_REQUIRED`, `CAMERA_UNAVAILABLE`, `PAYLOAD_TOO_LARGE`.
    """

    facing: Facing | None = None
    max_width: Width = 1600
    quality: Quality = 0.9
    format: Literal["jpg", "jpeg"] = "jpg"
    device_id: DeviceName | None = None
    delay_ms: Annotated[int, Meta(ge=0, le=10_000)] = 0


class Clip(Wire):
    """A short film."""

    format: str
    base64: str
    duration_ms: int
    has_audio: bool


@command("camera.clip", capability="camera")
class CameraClip(Command[Clip]):
    """Film for a moment.

    Errors: as `camera.snap`, and `MIC_PERMISSION_REQUIRED`.
    """

    facing: Facing | None = None
    duration_ms: DurationMs = 3000
    include_audio: bool = True
    format: Literal["mp4"] = "mp4"
    device_id: DeviceName | None = None


class ScreenPicture(Wire):
    """What a screen shows."""

    format: str
    base64: str
    width: int | None = None
    height: int | None = None
    screen_index: int | None = None
    captured_at_ms: int | None = None


@command("screen.snapshot", capability="screen")
class ScreenSnapshot(Command[ScreenPicture]):
    """Take a picture of a screen.

    Errors: `SCREEN_UNAVAILABLE` when there is no screen to look at, `PAYLOAD_TOO_LARGE`.
    """

    screen_index: Annotated[int, Meta(ge=0, le=15)] = 0
    max_width: Width = 1600
    quality: Quality = 0.9
    format: Literal["jpeg", "png"] = "jpeg"
    execution_id: str | None = None


class ScreenFilm(Wire):
    """A film of a screen."""

    format: str
    base64: str
    duration_ms: int
    fps: float
    screen_index: int
    has_audio: bool


@command("screen.record", capability="screen")
class ScreenRecord(Command[ScreenFilm]):
    """Film a screen for a moment.

    Errors: as `screen.snapshot`.
    """

    screen_index: Annotated[int, Meta(ge=0, le=15)] = 0
    duration_ms: DurationMs = 10_000
    fps: Annotated[float, Meta(ge=1, le=60)] = 10
    format: Literal["mp4"] = "mp4"
    include_audio: bool = True
