"""`screen.snapshot` and `screen.record`: what a screen shows.

An X screen through ffmpeg; without it, pictures through ImageMagick. A Wayland screen gives pictures through
grim, which ffmpeg then brings to size; filming would need the desktop's own portal.
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from device_node.commands import CommandFailed, Invocation, performs
from device_node.providers.film import (
    START_TIMEOUT_S,
    Ffmpeg,
    MediaFailed,
    Taken,
    picture_size,
    read_taken,
    run_tool,
)
from device_node.providers.finding import Family, unusable, usable
from protocol.commands.media import ScreenFilm, ScreenPicture, ScreenRecord, ScreenSnapshot

PERMISSION: Final = "screen"

SNAPSHOT_FPS: Final = 25
"""Rate x11grab is asked for when one picture is wanted: it waits for the length of one."""


class ScreenEye(Protocol):
    """Something that takes a picture of a screen."""

    async def look(self, call: ScreenSnapshot) -> Taken:
        """Take it.

        Raises:
            MediaFailed: when there is no such screen, or it cannot be seen.
        """
        ...


class XEye:
    """An X display through ffmpeg."""

    def __init__(self, display: str, ffmpeg: Ffmpeg) -> None:
        self._display = display.partition(".")[0]
        self._ffmpeg = ffmpeg

    def source(self, screen_index: int, fps: float) -> list[str]:
        """Input options of ffmpeg for one screen of the display."""
        return ["-f", "x11grab", "-framerate", f"{fps:g}", "-i", f"{self._display}.{screen_index}"]

    async def look(self, call: ScreenSnapshot) -> Taken:
        """One frame of it."""
        return await self._ffmpeg.picture(
            self.source(call.screen_index, SNAPSHOT_FPS),
            kind=call.format,
            max_width=call.max_width,
            quality=call.quality,
        )

    async def film(self, call: ScreenRecord) -> tuple[Taken, int]:
        """A film of it, and how many milliseconds long it is."""
        taken = await self._ffmpeg.film(
            self.source(call.screen_index, call.fps), duration_s=call.duration_ms / 1000, fps=call.fps
        )
        return taken, await self._ffmpeg.duration_ms(taken)


class MagickEye:
    """An X display through ImageMagick's `import`."""

    def __init__(self, display: str, program: str, environment: Mapping[str, str]) -> None:
        self._display = display.partition(".")[0]
        self._program = program
        self._environment = environment

    async def look(self, call: ScreenSnapshot) -> Taken:
        """The root window."""
        with tempfile.TemporaryDirectory(prefix="homarus-") as folder:
            path = Path(folder) / f"taken.{call.format}"
            argv = [
                self._program, "-silent", "-display", f"{self._display}.{call.screen_index}",
                "-window", "root", "-resize", f"{call.max_width}x>",
                "-quality", str(max(1, round(call.quality * 100))), str(path),
            ]  # fmt: skip
            await run_tool(argv, self._environment, START_TIMEOUT_S)
            return await asyncio.to_thread(read_taken, path)


class GrimEye:
    """A Wayland screen through grim, brought to size by ffmpeg."""

    def __init__(self, program: str, ffmpeg: Ffmpeg, environment: Mapping[str, str]) -> None:
        self._program = program
        self._ffmpeg = ffmpeg
        self._environment = environment

    async def look(self, call: ScreenSnapshot) -> Taken:
        """All its screens as one picture: Wayland has names for them, no numbers."""
        if call.screen_index > 0:
            raise MediaFailed("a Wayland desktop is one screen; ask for screenIndex 0")
        with tempfile.TemporaryDirectory(prefix="homarus-") as folder:
            path = Path(folder) / "seen.png"
            await run_tool([self._program, "-t", "png", str(path)], self._environment, START_TIMEOUT_S)
            return await self._ffmpeg.picture(
                ["-i", str(path)], kind=call.format, max_width=call.max_width, quality=call.quality
            )


class ScreenProvider:
    """Shows a screen, if its owner lets it."""

    def __init__(
        self, eye: ScreenEye, film: XEye | None, permissions: Mapping[str, bool], now_ms: Callable[[], int]
    ) -> None:
        self._eye = eye
        self._film = film
        self._permissions = permissions
        self._now_ms = now_ms

    @performs(ScreenSnapshot)
    async def snapshot(self, _: Invocation, call: ScreenSnapshot) -> ScreenPicture:
        """A picture of now."""
        self._check()
        try:
            taken = await self._eye.look(call)
            width, height = picture_size(taken.data)
        except MediaFailed as error:
            raise CommandFailed("SCREEN_UNAVAILABLE", f"the screen cannot be seen: {error}") from error
        return ScreenPicture(
            format=call.format,
            base64=taken.base64,
            width=width,
            height=height,
            screen_index=call.screen_index,
            captured_at_ms=self._now_ms(),
        )

    @performs(ScreenRecord)
    async def record(self, _: Invocation, call: ScreenRecord) -> ScreenFilm:
        """A film without sound."""
        self._check()
        if self._film is None:
            raise CommandFailed("SCREEN_UNAVAILABLE", "this screen cannot be filmed, only photographed")
        try:
            taken, duration_ms = await self._film.film(call)
        except MediaFailed as error:
            raise CommandFailed("SCREEN_UNAVAILABLE", f"the screen cannot be seen: {error}") from error
        return ScreenFilm(
            format=call.format,
            base64=taken.base64,
            duration_ms=duration_ms,
            fps=call.fps,
            screen_index=call.screen_index,
            has_audio=False,
        )

    def _check(self) -> None:
        if not self._permissions.get(PERMISSION, False):
            raise CommandFailed(
                "PERMISSION_MISSING", "screenRecording: the owner of this node does not show its screen"
            )


def screen_family(
    ffmpeg: Ffmpeg | None,
    programs: Mapping[str, str],
    environment: Mapping[str, str],
    permissions: Mapping[str, bool],
    now_ms: Callable[[], int],
) -> Family:
    """Whatever this desktop and its programs make possible."""
    display, wayland = environment.get("DISPLAY"), environment.get("WAYLAND_DISPLAY")
    only = {"screen.snapshot": True, "screen.record": False}
    if wayland and ffmpeg is not None and "grim" in programs:
        eye = GrimEye(programs["grim"], ffmpeg, environment)
        provider = ScreenProvider(eye, None, permissions, now_ms)
        return usable("screen", f"pictures of {wayland} through grim", provider, only=only)
    if display and ffmpeg is not None:
        x = XEye(display, ffmpeg)
        return usable("screen", f"{display} through ffmpeg", ScreenProvider(x, x, permissions, now_ms))
    if display and "import" in programs:
        magick = MagickEye(display, programs["import"], environment)
        provider = ScreenProvider(magick, None, permissions, now_ms)
        return usable("screen", f"pictures of {display} through ImageMagick", provider, only=only)
    if display or wayland:
        wanted = "ffmpeg and grim" if wayland else "ffmpeg"
        return unusable("screen", f"nothing here takes pictures of a screen; install {wanted}")
    return unusable("screen", "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set for this node")
