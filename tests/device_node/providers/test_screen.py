"""`screen.snapshot` and `screen.record` of real screens without a monitor (S3.I-1)."""

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device_node.providers.bench import Bench
from tests.device_node.providers.desktop import HEIGHT, WIDTH, needed, wayland_display, x_display

BIN = "/usr/bin:/bin"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X display that shows red."""
    needed("ffmpeg", "ffprobe", "xsetroot")
    with x_display() as name:
        subprocess.run(["xsetroot", "-display", name, "-solid", "#ff0000"], check=True)
        yield name


@pytest.fixture
def bench(tmp_path: Path, display: str) -> Bench:
    return Bench(tmp_path / "node", environ={"DISPLAY": display, "PATH": BIN})


def _pixel(picture: bytes) -> tuple[int, ...]:
    """The colour in the corner of a picture or of a film's first frame; the mouse is in the middle."""
    argv = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        "-",
        "-frames:v",
        "1",
        "-vf",
        "crop=2:2:0:0,scale=1:1",
        "-f",
        "rawvideo",
    ]
    argv += ["-pix_fmt", "rgb24", "-"]
    return tuple(subprocess.run(argv, input=picture, check=True, capture_output=True).stdout)


def _is_red(pixel: tuple[int, ...]) -> bool:
    red, green, blue = pixel
    return red > 230 and green < 30 and blue < 30


async def test_a_picture_of_the_screen(bench: Bench) -> None:
    answer = await bench.ask("screen.snapshot")
    picture = base64.b64decode(answer.pop("base64"))
    assert answer == {
        "format": "jpeg", "width": WIDTH, "height": HEIGHT, "screenIndex": 0,
        "capturedAtMs": bench.clock.now_ms(),
    }  # fmt: skip
    assert picture.startswith(b"\xff\xd8\xff")
    assert _is_red(_pixel(picture))


async def test_a_smaller_picture_without_loss(bench: Bench) -> None:
    answer = await bench.ask("screen.snapshot", {"format": "png", "maxWidth": 321})
    picture = base64.b64decode(answer["base64"])
    assert (answer["format"], answer["width"]) == ("png", 321)
    assert abs(answer["height"] - 321 * HEIGHT / WIDTH) <= 1
    assert _is_red(_pixel(picture))


async def test_quality_costs_bytes(bench: Bench) -> None:
    sizes = [
        len((await bench.ask("screen.snapshot", {"quality": quality}))["base64"]) for quality in (0.05, 1.0)
    ]
    assert sizes[0] <= sizes[1]


async def test_a_film_of_the_screen(bench: Bench) -> None:
    answer = await bench.ask("screen.record", {"durationMs": 1000, "fps": 10})
    film = base64.b64decode(answer.pop("base64"))
    assert abs(answer.pop("durationMs") - 1000) <= 200
    assert answer == {"format": "mp4", "fps": 10.0, "screenIndex": 0, "hasAudio": False}
    assert film[4:8] == b"ftyp"
    assert _is_red(_pixel(film))


async def test_a_screen_that_is_not_there(bench: Bench) -> None:
    for command in ("screen.snapshot", "screen.record"):
        code, text = await bench.refusal(command, {"screenIndex": 3})
        assert code == "SCREEN_UNAVAILABLE"
        assert "cannot be seen" in text


async def test_the_owner_keeps_the_screen_to_themselves(bench: Bench) -> None:
    bench.permissions["screen"] = False
    for command in ("screen.snapshot", "screen.record"):
        assert (await bench.refusal(command))[0] == "PERMISSION_MISSING"


async def test_without_ffmpeg_imagemagick_takes_pictures(tmp_path: Path, display: str) -> None:
    needed("import")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "import").symlink_to("/usr/bin/import")
    bench = Bench(tmp_path / "node", environ={"DISPLAY": display, "PATH": str(programs)})
    assert "screen.record" not in bench.table.names
    answer = await bench.ask("screen.snapshot", {"maxWidth": 640, "format": "png"})
    assert (answer["width"], answer["height"]) == (640, 360)
    assert _is_red(_pixel(base64.b64decode(answer["base64"])))
    assert (await bench.refusal("screen.snapshot", {"screenIndex": 3}))[0] == "SCREEN_UNAVAILABLE"


async def test_a_wayland_screen(tmp_path: Path) -> None:
    with wayland_display() as desktop:
        bench = Bench(tmp_path / "node", environ=desktop | {"PATH": BIN})
        assert "screen.record" not in bench.table.names
        answer = await bench.ask("screen.snapshot", {"maxWidth": 640})
    assert (answer["width"], answer["height"]) == (640, 360)
    assert base64.b64decode(answer["base64"]).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("environ", "advice"),
    [
        ({"PATH": BIN}, "no screen"),
        ({"PATH": "/nowhere", "DISPLAY": ":5"}, "install ffmpeg"),
        ({"PATH": "/nowhere", "WAYLAND_DISPLAY": "wayland-9"}, "install ffmpeg and grim"),
    ],
)
def test_what_cannot_be_seen_is_not_offered(tmp_path: Path, environ: dict[str, str], advice: str) -> None:
    bench = Bench(tmp_path / "node", environ=environ)
    assert not any(name.startswith("screen.") for name in bench.table.names)
    found = next(found for found in bench.providers.findings if found.family == "screen")
    assert advice in found.detail
