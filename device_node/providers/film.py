"""Pictures and films through ffmpeg, whatever they are taken of."""

import asyncio
import base64
import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from device_node.commands import CommandFailed
from device_node.providers.process import Start, run_program
from protocol.commands.media import MAX_MEDIA_BASE64_CHARS

START_TIMEOUT_S: Final = 15.0
"""For opening a device and writing the file; what is filmed comes on top."""

MAX_FILE_BYTES: Final = MAX_MEDIA_BASE64_CHARS // 4 * 3
"""So that it fits a frame as base64."""

MAX_MESSAGE_BYTES: Final = 8192
"""Kept of what ffmpeg says; its last line tells why it failed."""

_QUIET: Final = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")

_BEST_QSCALE, _WORST_QSCALE = 2, 31
"""JPEG quality as ffmpeg counts it. Source: ffmpeg-codecs(1), `qscale`."""

_JPEG_SIZES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of a JPEG header that hold width and height: SOF0 to SOF15. Source: ITU T.81, table B.1."""

PictureFormat = Literal["jpeg", "png"]


class Taken(msgspec.Struct, frozen=True):
    """A finished file."""

    data: bytes

    @property
    def base64(self) -> str:
        """As it travels."""
        return base64.b64encode(self.data).decode("ascii")


class MediaFailed(Exception):
    """The program could not take it; the text is its own last word."""


class Ffmpeg:
    """Runs ffmpeg and ffprobe."""

    def __init__(self, ffmpeg: str, ffprobe: str, environment: Mapping[str, str]) -> None:
        self._ffmpeg = ffmpeg
        self._ffprobe = ffprobe
        self._environment = environment

    async def picture(
        self,
        source: Sequence[str],
        *,
        kind: PictureFormat,
        max_width: int,
        quality: float,
        skip_s: float = 0.0,
    ) -> Taken:
        """One picture of `source` (ffmpeg's input options), after `skip_s` seconds of looking.

        Raises:
            MediaFailed: when it cannot be taken.
            CommandFailed: `PAYLOAD_TOO_LARGE`.
        """
        scale = f"scale='min({max_width},iw)':-1"
        qscale = round(_WORST_QSCALE - quality * (_WORST_QSCALE - _BEST_QSCALE))
        codec = (
            ("-c:v", "png")
            if kind == "png"
            else ("-c:v", "mjpeg", "-q:v", str(qscale), "-pix_fmt", "yuvj420p")
        )
        skip = ("-ss", f"{skip_s:.3f}") if skip_s > 0 else ()
        return await self._take(
            [*source, *skip, "-frames:v", "1", "-vf", scale, *codec, "-f", "image2"], START_TIMEOUT_S + skip_s
        )

    async def film(self, source: Sequence[str], *, duration_s: float, fps: float | None = None) -> Taken:
        """A film of `source` without sound, as mp4.

        Raises:
            MediaFailed, CommandFailed: as `picture`.
        """
        even = "scale=trunc(iw/2)*2:trunc(ih/2)*2"  # H.264 has no odd sizes
        rate = ("-r", f"{fps:g}") if fps is not None else ()
        options = ["-an", "-t", f"{duration_s:.3f}", "-vf", even, *rate, "-pix_fmt", "yuv420p"]
        return await self._take(
            [*source, *options, "-preset", "veryfast", "-movflags", "+faststart", "-f", "mp4"],
            START_TIMEOUT_S + 2 * duration_s,
        )

    async def duration_ms(self, taken: Taken) -> int:
        """How long a film really is.

        Raises:
            MediaFailed: when it is no film.
        """
        with tempfile.TemporaryDirectory(prefix="homarus-") as folder:
            path = Path(folder) / "film"
            await asyncio.to_thread(path.write_bytes, taken.data)
            argv = [
                self._ffprobe,
                "-v",
                "error",
                "-show_entries",
                "format=duration",
                "-of",
                "csv=p=0",
                str(path),
            ]
            told = await run_tool(argv, self._environment, START_TIMEOUT_S)
        try:
            return round(float(told) * 1000)
        except ValueError as error:
            raise MediaFailed("the film has no length") from error

    async def _take(self, options: Sequence[str], timeout_s: float) -> Taken:
        with tempfile.TemporaryDirectory(prefix="homarus-") as folder:
            path = Path(folder) / "taken"
            await run_tool([self._ffmpeg, *_QUIET, *options, str(path)], self._environment, timeout_s)
            return await asyncio.to_thread(read_taken, path)


async def run_tool(argv: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> str:
    """Run a program that has to succeed; what it wrote to stdout.

    Raises:
        MediaFailed: when it does not.
    """
    start = Start(
        argv=argv, env=environment, max_stdout_bytes=MAX_MESSAGE_BYTES, max_stderr_bytes=MAX_MESSAGE_BYTES
    )
    try:
        ended = await run_program(start, timeout_s)
    except OSError as error:
        raise MediaFailed(f"{argv[0]} cannot be started: {error.strerror}") from error
    if ended.timed_out:
        raise MediaFailed(f"{Path(argv[0]).name} did not finish within {timeout_s:g} s")
    if not ended.success:
        said = ended.stderr.text().strip().splitlines()
        raise MediaFailed(said[-1][:300] if said else f"{Path(argv[0]).name} failed")
    return ended.stdout.text()


def read_taken(path: Path) -> Taken:
    """The file a program wrote; blocks.

    Raises:
        MediaFailed: when there is none, or nothing in it.
        CommandFailed: `PAYLOAD_TOO_LARGE`.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise MediaFailed("nothing was taken") from error
    if size == 0:
        raise MediaFailed("nothing was taken")
    if size > MAX_FILE_BYTES:
        raise CommandFailed(
            "PAYLOAD_TOO_LARGE",
            f"{size} bytes do not fit one frame; ask for less: shorter, smaller or rougher",
        )
    return Taken(path.read_bytes())


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG or JPEG, in pixels. Source: PNG 3rd edition 11.2.1, ITU T.81 B.2.2.

    Raises:
        MediaFailed: when it is neither.
    """
    try:
        if data.startswith(b"\x89PNG"):
            return struct.unpack(">II", data[16:24])
        at = 2
        while data[at] == 0xFF:
            if data[at + 1] in _JPEG_SIZES:
                height, width = struct.unpack(">HH", data[at + 5 : at + 9])
                return width, height
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    except (struct.error, IndexError) as error:
        raise MediaFailed("what was taken is no picture") from error
    raise MediaFailed("what was taken is no picture")
