"""`camera.list`, `camera.snap` and `camera.clip` through Video4Linux and ffmpeg."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from device_node.commands import CommandFailed, Invocation, performs
from device_node.providers.film import Ffmpeg, MediaFailed, picture_size
from device_node.providers.finding import Family, unusable, usable
from device_node.providers.sysfs import entries, number, text
from protocol.commands.media import Camera, CameraClip, CameraList, Cameras, CameraSnap, Clip, Picture

PERMISSION: Final = "camera"


class CameraSource(msgspec.Struct, frozen=True, kw_only=True):
    """One camera and how ffmpeg opens it."""

    id: str
    name: str
    kind: str
    options: tuple[str, ...]
    """ffmpeg's input options."""
    readable: bool = True
    """Whether this user may open it."""


class CameraProvider:
    """Looks through the cameras that are plugged in, if their owner lets it."""

    def __init__(
        self, ffmpeg: Ffmpeg, permissions: Mapping[str, bool], sources: Callable[[], list[CameraSource]]
    ) -> None:
        self._ffmpeg = ffmpeg
        self._permissions = permissions
        self._sources = sources

    @performs(CameraList)
    async def list(self, _: Invocation, call: CameraList) -> Cameras:
        """What is plugged in; nothing tells which way a camera looks."""
        del call
        self._check()
        return Cameras(
            devices=[
                Camera(id=source.id, name=source.name, position="unspecified", device_type=source.kind)
                for source in await asyncio.to_thread(self._sources)
            ]
        )

    @performs(CameraSnap)
    async def snap(self, _: Invocation, call: CameraSnap) -> Picture:
        """A picture. A `delay_ms` is spent looking, so that the camera gets used to the light."""
        source = await self._chosen(call.device_id)
        try:
            taken = await self._ffmpeg.picture(
                source.options,
                kind="jpeg",
                max_width=call.max_width,
                quality=call.quality,
                skip_s=call.delay_ms / 1000,
            )
            width, height = picture_size(taken.data)
        except MediaFailed as error:
            raise _failed(source, error) from error
        return Picture(format=call.format, base64=taken.base64, width=width, height=height)

    @performs(CameraClip)
    async def clip(self, _: Invocation, call: CameraClip) -> Clip:
        """A film; this node films without sound."""
        source = await self._chosen(call.device_id)
        try:
            taken = await self._ffmpeg.film(source.options, duration_s=call.duration_ms / 1000)
            duration_ms = await self._ffmpeg.duration_ms(taken)
        except MediaFailed as error:
            raise _failed(source, error) from error
        return Clip(format=call.format, base64=taken.base64, duration_ms=duration_ms, has_audio=False)

    def _check(self) -> None:
        if not self._permissions.get(PERMISSION, False):
            raise CommandFailed("CAMERA_DISABLED", "the owner of this node keeps its cameras shut")

    async def _chosen(self, device_id: str | None) -> CameraSource:
        self._check()
        sources = await asyncio.to_thread(self._sources)
        source = next((found for found in sources if device_id in {None, found.id}), None)
        if source is None:
            missing = f"there is no camera {device_id!a}" if device_id else "no camera is plugged in"
            raise CommandFailed("CAMERA_UNAVAILABLE", f"{missing}; ask for camera.list")
        if not source.readable:
            raise CommandFailed(
                "CAMERA_PERMISSION_REQUIRED",
                f"this node may not open {source.id}; add its user to the group video",
            )
        return source


def v4l2_cameras(root: Path = Path("/")) -> list[CameraSource]:
    """Video4Linux devices; of the several nodes of one camera, the one that gives pictures.

    Source: Linux Documentation/ABI/stable/sysfs-class-video4linux (`index`, `name`).
    """
    found: list[CameraSource] = []
    for entry in entries(root / "sys/class/video4linux", "video*"):
        device = root / "dev" / entry.name
        if number(entry / "index") != 0 or not device.exists():
            continue
        found.append(
            CameraSource(
                id=str(device),
                name=text(entry / "name") or entry.name,
                kind="v4l2",
                options=("-f", "v4l2", "-i", str(device)),
                readable=os.access(device, os.R_OK | os.W_OK),
            )
        )
    return found


def camera_family(
    ffmpeg: Ffmpeg | None,
    permissions: Mapping[str, bool],
    sources: Callable[[], list[CameraSource]] = v4l2_cameras,
) -> Family:
    """Offered when a camera is plugged in and ffmpeg is there."""
    cameras = sources()
    if not cameras:
        return unusable("camera", "no camera is plugged in; plug one in and start the node again")
    if ffmpeg is None:
        return unusable("camera", "ffmpeg is not installed; install it with its ffprobe")
    names = ", ".join(camera.name for camera in cameras)
    return usable(
        "camera", f"{names} through ffmpeg, without sound", CameraProvider(ffmpeg, permissions, sources)
    )


def _failed(source: CameraSource, error: MediaFailed) -> CommandFailed:
    return CommandFailed("CAMERA_UNAVAILABLE", f"{source.name} gives no picture: {error}")
