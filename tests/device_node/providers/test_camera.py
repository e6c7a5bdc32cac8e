"""`camera.*` through ffmpeg (S3.I-1).

No camera is plugged into a test machine; a test picture of ffmpeg stands in for one. It replaces only the
input options `-f v4l2 -i /dev/videoN`, everything else is what ships. That a real camera opens is not tested.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from device_node.commands import CommandTable
from device_node.providers.camera import CameraProvider, CameraSource, v4l2_cameras
from device_node.providers.film import Ffmpeg
from tests.device_node.providers.bench import Bench
from tests.device_node.providers.desktop import needed

TEST_PICTURE = CameraSource(
    id="/dev/video0",
    name="Test picture",
    kind="v4l2",
    options=("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25"),
)
BROKEN = CameraSource(id="/dev/video4", name="Broken", kind="v4l2", options=("-f", "v4l2", "-i", "/dev/null"))
FOREIGN = CameraSource(id="/dev/video6", name="Foreign", kind="v4l2", options=(), readable=False)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    needed("ffmpeg", "ffprobe")
    bench = Bench(tmp_path / "node")
    environment: Mapping[str, str] = {"PATH": os.environ["PATH"]}
    ffmpeg = Ffmpeg("/usr/bin/ffmpeg", "/usr/bin/ffprobe", environment)
    provider = CameraProvider(ffmpeg, bench.permissions, lambda: [TEST_PICTURE, BROKEN, FOREIGN])
    bench.table = CommandTable()
    bench.table.add(provider)
    return bench


async def test_the_cameras(bench: Bench) -> None:
    devices = (await bench.ask("camera.list"))["devices"]
    assert devices[0] == {
        "id": "/dev/video0", "name": "Test picture", "position": "unspecified", "deviceType": "v4l2",
    }  # fmt: skip
    assert len(devices) == 3


async def test_a_picture(bench: Bench) -> None:
    answer = await bench.ask("camera.snap", {"maxWidth": 640, "delayMs": 500, "facing": "front"})
    assert (answer["format"], answer["width"], answer["height"]) == ("jpg", 640, 360)
    assert base64.b64decode(answer["base64"]).startswith(b"\xff\xd8\xff")


async def test_a_chosen_camera(bench: Bench) -> None:
    answer = await bench.ask("camera.snap", {"deviceId": "/dev/video0", "maxWidth": 7680})
    assert answer["width"] == 1280


async def test_a_film(bench: Bench) -> None:
    answer = await bench.ask("camera.clip", {"durationMs": 600})
    assert base64.b64decode(answer.pop("base64"))[4:8] == b"ftyp"
    assert abs(answer.pop("durationMs") - 600) <= 80
    assert answer == {"format": "mp4", "hasAudio": False}


async def test_what_does_not_fit_a_frame(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit is lowered: a picture that really is too large takes a slow machine half a minute.
    monkeypatch.setattr("device_node.providers.film.MAX_FILE_BYTES", 1000)
    code, text = await bench.refusal("camera.snap")
    assert code == "PAYLOAD_TOO_LARGE"
    assert "smaller" in text


@pytest.mark.parametrize(
    ("device", "code"),
    [
        ("/dev/video9", "CAMERA_UNAVAILABLE"),
        ("/etc/passwd", "CAMERA_UNAVAILABLE"),
        ("/dev/video4", "CAMERA_UNAVAILABLE"),
        ("/dev/video6", "CAMERA_PERMISSION_REQUIRED"),
    ],
)
async def test_cameras_that_give_nothing(bench: Bench, device: str, code: str) -> None:
    for command in ("camera.snap", "camera.clip"):
        assert (await bench.refusal(command, {"deviceId": device}))[0] == code


async def test_the_owner_keeps_the_cameras_shut(bench: Bench) -> None:
    bench.permissions["camera"] = False
    for command in ("camera.list", "camera.snap", "camera.clip"):
        assert (await bench.refusal(command))[0] == "CAMERA_DISABLED"


def test_devices_of_the_kernel(tmp_path: Path) -> None:
    for name, index in (("video0", 0), ("video1", 1), ("video2", 0), ("video3", 0)):
        about = tmp_path / "sys/class/video4linux" / name
        about.mkdir(parents=True)
        (about / "index").write_text(f"{index}\n")
        (about / "name").write_text(f"Camera {name}\n")
    (tmp_path / "dev").mkdir()
    for name in ("video0", "video1", "video2"):
        (tmp_path / "dev" / name).touch()
    found = v4l2_cameras(tmp_path)
    assert [camera.name for camera in found] == ["Camera video0", "Camera video2"]
    assert found[0].options == ("-f", "v4l2", "-i", f"{tmp_path}/dev/video0")
    assert found[0].readable


def test_without_a_camera_nothing_is_offered(tmp_path: Path) -> None:
    if v4l2_cameras():
        pytest.skip("this machine has a camera")
    bench = Bench(tmp_path / "node")
    assert not any(name.startswith("camera.") for name in bench.table.names)
    found = next(found for found in bench.providers.findings if found.family == "camera")
    assert "plug one in" in found.detail
