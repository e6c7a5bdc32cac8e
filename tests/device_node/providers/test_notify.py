"""`system.notify` on a real session bus with a real notification service (S3.I-1)."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device_node.providers.bench import Bench
from tests.device_node.providers.desktop import needed, notification_service, session_bus, x_display

BIN = "/usr/bin:/bin"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    with session_bus(tmp_path) as address:
        yield address


@pytest.fixture
def shown(bus: str) -> Iterator["subprocess.Popen[str]"]:
    with x_display() as display, notification_service(bus, display) as service:
        yield service


@pytest.fixture
def bench(tmp_path: Path, bus: str) -> Bench:
    needed("notify-send")
    return Bench(tmp_path / "node", environ={"DBUS_SESSION_BUS_ADDRESS": bus, "PATH": BIN})


async def _printed(service: "subprocess.Popen[str]", last: str) -> str:
    """What the service prints, up to the line with `last`."""
    assert service.stdout is not None
    lines: list[str] = []
    while not lines or last not in lines[-1]:
        lines.append(await asyncio.to_thread(service.stdout.readline))
        assert lines[-1], "the notification service ended"
    return "".join(lines)


async def test_it_is_shown(bench: Bench, shown: "subprocess.Popen[str]") -> None:
    params = {
        "title": "--help is no option",
        "body": "<b>1 & 2</b>",
        "priority": "timeSensitive",
        "sound": "bell",
    }
    assert await bench.ask("system.notify", params) == {"ok": True}
    told = await _printed(shown, "urgency")
    assert "Homarus" in told
    assert "--help is no option" in told
    assert "&lt;b&gt;1 &amp; 2&lt;/b&gt;" in told
    assert "CRITICAL" in told.upper()


async def test_nobody_there_to_show_it(bench: Bench) -> None:
    code, text = await bench.refusal("system.notify", {"title": "hello"})
    assert code == "NOTIFICATIONS_UNAVAILABLE"
    assert text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 300}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "a", "body": "\0"}, "body"),
        ({"title": "a", "sound": "../x"}, "sound"),
        ({"title": "a", "priority": "loud"}, "priority"),
    ],
)
async def test_bad_input(bench: Bench, params: dict[str, str], field: str) -> None:
    code, text = await bench.refusal("system.notify", params)
    assert code == "INVALID_REQUEST"
    assert field in text


async def test_the_owner_wants_none(bench: Bench) -> None:
    bench.permissions["notifications"] = False
    assert (await bench.refusal("system.notify", {"title": "a"}))[0] == "NOTIFICATIONS_DISABLED"


@pytest.mark.parametrize(
    ("environ", "advice"),
    [({"PATH": BIN}, "no session bus"), ({"PATH": "/nowhere"}, "install libnotify-bin")],
)
def test_without_a_desktop_it_is_not_offered(tmp_path: Path, environ: dict[str, str], advice: str) -> None:
    bench = Bench(tmp_path / "node", environ=environ)
    assert "system.notify" not in bench.table.names
    found = next(found for found in bench.providers.findings if found.family == "notify")
    assert advice in found.detail
