"""`canvas.*` on a real Chromium (S1.B-7.1, S1.B-7.2): pages, pictures, interfaces, and what is refused."""

import asyncio
import base64
import http.server
import json
import struct
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from device_node.config import CanvasSettings
from protocol.a2ui.actions import as_word
from tests.device_node.conftest import eventually
from tests.device_node.providers.bench import Bench
from tests.device_node.providers.desktop import needed
from tests.protocol.a2ui.test_examples import CARD_V0_8, EXAMPLES, jsonl
from tests.protocol.a2ui.test_lines import CREATE, column, data, text, update

BIN = "/usr/bin:/bin"
RED = "<!doctype html><title>red</title><body style='margin:0;background:#ff0000'>"
BUTTON = {"id": "b", "component": "Button", "child": "label", "action": {
    "event": {"name": "save it", "context": {"who": {"path": "/name"}}}}}  # fmt: skip


class Site(http.server.BaseHTTPRequestHandler):
    """A page, and ways to somewhere else."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        moved = {"/file": "file:///etc/passwd", "/metadata": "http://169.254.169.254/latest"}.get(self.path)
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", moved)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(RED.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its interface
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    needed("chromium")
    bench = Bench(tmp_path / "node", environ={"PATH": BIN}, canvas=CanvasSettings(reach=("loopback",)))
    yield bench
    await bench.providers.close()


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def corner(picture: bytes) -> tuple[int, ...]:
    """The colour of its first pixels."""
    argv = ["ffmpeg", "-v", "error", "-i", "-", "-vf", "crop=2:2:0:0,scale=1:1", "-f", "rawvideo"]
    argv += ["-pix_fmt", "rgb24", "-"]
    return tuple(subprocess.run(argv, input=picture, check=True, capture_output=True).stdout)


async def shadow_text(bench: Bench, frame: int = 0) -> str:
    """What the picture of a frame says: its text is out of reach for a script, so the browser is asked."""
    canvas = bench.providers.canvas
    assert canvas is not None
    cdp = canvas.stage.cdp
    assert cdp is not None
    targets = (await cdp.call("Target.getTargets"))["targetInfos"]
    frames = [one for one in targets if one["type"] == "iframe"]
    attached = await cdp.call(
        "Target.attachToTarget", {"targetId": frames[frame]["targetId"], "flatten": True}
    )
    tree = await cdp.call("Accessibility.getFullAXTree", {}, attached["sessionId"])
    return " ".join(node.get("name", {}).get("value", "") for node in tree["nodes"])


async def click(bench: Bench, role: str) -> None:
    """Press the first element of a role, as a finger does."""
    canvas = bench.providers.canvas
    assert canvas is not None
    cdp = canvas.stage.cdp
    assert cdp is not None
    targets = (await cdp.call("Target.getTargets"))["targetInfos"]
    (frame,) = [one for one in targets if one["type"] == "iframe"]
    session = (await cdp.call("Target.attachToTarget", {"targetId": frame["targetId"], "flatten": True}))[
        "sessionId"
    ]
    nodes = (await cdp.call("Accessibility.getFullAXTree", {}, session))["nodes"]
    node = next(one for one in nodes if one.get("role", {}).get("value") == role)
    box = await cdp.call("DOM.getBoxModel", {"backendNodeId": node["backendDOMNodeId"]}, session)
    x, y = box["model"]["content"][0] + 3, box["model"]["content"][1] + 3
    for kind in ("mousePressed", "mouseReleased"):
        event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
        await cdp.call("Input.dispatchMouseEvent", event, session)


class TestPages:
    """Pages, pictures and scripts."""

    async def test_a_page_is_shown_and_seen(self, bench: Bench, site: str) -> None:
        placement = {"width": 800, "height": 600}
        assert await bench.ask("canvas.present", {"url": site, "placement": placement}) == {"ok": True}
        answer = await bench.ask("canvas.snapshot", {"maxWidth": 400})
        picture = base64.b64decode(answer["base64"])
        assert (answer["format"], size_of(picture)) == ("png", (400, 300))
        assert corner(picture) == (255, 0, 0)
        jpeg = await bench.ask("canvas.snapshot", {"format": "jpg", "quality": 0.3})
        assert jpeg["format"] == "jpeg"
        assert base64.b64decode(jpeg["base64"]).startswith(b"\xff\xd8\xff")
        assert (await bench.ask("canvas.eval", {"javaScript": "document.title"})) == {"result": "red"}
        assert (await bench.ask("canvas.eval", {"javaScript": "({a: [1]})"})) == {"result": '{"a":[1]}'}
        assert "boom" in (await bench.refusal("canvas.eval", {"javaScript": "throw new Error('boom')"}))[1]

    async def test_hiding_keeps_what_was_shown(self, bench: Bench, site: str) -> None:
        await bench.ask("canvas.present", {"url": f"{site}/here"})
        await bench.ask("canvas.hide")
        await bench.ask("canvas.present")
        assert await bench.ask("canvas.eval", {"javaScript": "location.pathname"}) == {"result": "/here"}

    async def test_a_browser_that_died_starts_again(self, bench: Bench, site: str) -> None:
        await bench.ask("canvas.present", {"url": f"{site}/again"})
        canvas = bench.providers.canvas
        assert canvas is not None
        browser = canvas.browser
        assert browser is not None
        browser.process.kill()
        await eventually(lambda: browser.ended)
        assert await bench.ask("canvas.eval", {"javaScript": "location.pathname"}) == {"result": "/again"}

    async def test_addresses_that_are_never_shown(self, bench: Bench) -> None:
        for url in (
            "file:///etc/passwd", "javascript:alert(1)", "data:text/html,hi", "about:blank", "chrome://version",
            "http://169.254.169.254/latest", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/",
            "http://10.0.0.1/", "http://[64:ff9b::a9fe:a9fe]/", "http://0.0.0.0/", "http://u:p@example.com/",
            "http://0xa9fea9fe/", "http://", "nonsense",
        ):  # fmt: skip
            for command in ("canvas.navigate", "canvas.present"):
                code, said = await bench.refusal(command, {"url": url})
                assert (code, said.startswith("url: ")) == ("INVALID_REQUEST", True), url

    async def test_this_machine_only_when_its_owner_says_so(self, tmp_path: Path, site: str) -> None:
        shut = Bench(tmp_path / "shut", environ={"PATH": BIN})
        for url in (site, "http://localhost:1/", "http://127.1/", "http://[::1]/", "http://2130706433/"):
            assert 'reach = ["loopback"]' in (await shut.refusal("canvas.navigate", {"url": url}))[1]
        await shut.providers.close()

    async def test_a_page_leads_nowhere_else(self, bench: Bench, site: str) -> None:
        for path in ("/file", "/metadata"):
            assert (await bench.refusal("canvas.navigate", {"url": site + path}))[0] == "INVALID_REQUEST"
        await bench.ask("canvas.present", {"url": site})
        script = "fetch('http://10.0.0.1:9/').then(() => 'reached', error => 'refused: ' + error.name)"
        assert (await bench.ask("canvas.eval", {"javaScript": script}))["result"] == "refused: TypeError"

    async def test_no_script_runs_where_nothing_was_presented(self, bench: Bench) -> None:
        said = await bench.refusal("canvas.eval", {"javaScript": "1"})
        assert said[0] == "INVALID_REQUEST"
        assert "canvas.present" in said[1]

    async def test_the_owner_keeps_the_canvas(self, bench: Bench) -> None:
        bench.permissions["canvas"] = False
        for command in ("canvas.present", "canvas.snapshot", "canvas.a2ui.reset"):
            assert (await bench.refusal(command))[0] == "CANVAS_DISABLED"

    def test_without_a_browser_it_is_not_offered(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path / "node", environ={"PATH": "/nowhere"})
        assert not any(name.startswith("canvas.") for name in bench.table.names)
        found = next(found for found in bench.providers.findings if found.family == "canvas")
        assert "install chromium" in found.detail


class TestInterfaces:
    """A2UI through the official renderers."""

    async def test_v0_9_is_drawn_and_updated_in_place(self, bench: Bench) -> None:
        messages = [
            CREATE,
            data({"name": "Ada"}),
            update({"id": "root", "component": "Text", "text": {"path": "/name"}}),
        ]
        answer = await bench.ask("canvas.a2ui.push", {"messages": messages})
        assert answer == {"ok": True, "surfaces": ["s"]}
        assert "Ada" in await shadow_text(bench)
        await bench.ask("canvas.a2ui.pushJSONL", {"jsonl": jsonl([data("Grace", "/name")])})
        shown = await shadow_text(bench)
        assert "Grace" in shown
        assert "Ada" not in shown

    async def test_v0_8_in_openclaws_order(self, bench: Bench) -> None:
        answer = await bench.ask("canvas.a2ui.pushJSONL", {"jsonl": jsonl(CARD_V0_8)})
        assert answer == {"ok": True, "surfaces": ["main"]}
        assert "Ada" in await shadow_text(bench)

    async def test_reset_takes_everything_away(self, bench: Bench) -> None:
        await bench.ask("canvas.a2ui.push", {"messages": CARD_V0_8})
        assert await bench.ask("canvas.a2ui.reset") == {"ok": True}
        assert await bench.ask("canvas.eval", {"javaScript": "openclawA2UI.getSurfaces()"}) == {
            "result": "[]"
        }
        assert "Ada" not in await shadow_text(bench)

    async def test_surfaces_come_back_with_the_browser(self, bench: Bench) -> None:
        await bench.ask("canvas.a2ui.push", {"messages": CARD_V0_8})
        await bench.ask("canvas.hide")
        await bench.ask("canvas.present")
        assert "Ada" in await shadow_text(bench)

    async def test_nothing_of_a_wrong_push_is_drawn(self, bench: Bench) -> None:
        await bench.ask("canvas.a2ui.push", {"messages": CARD_V0_8})
        wrong: list[Any] = [{"deleteSurface": {"surfaceId": "main"}}, {"nonsense": {}}]
        code, said = await bench.refusal("canvas.a2ui.push", {"messages": wrong})
        assert (code, "- line 2: expected exactly one" in said) == ("INVALID_REQUEST", True)
        assert (await bench.refusal("canvas.a2ui.push", {}))[1] == "expected either messages or jsonl"
        bomb = jsonl(
            [CREATE, update(column("root", ["root"]), *(text(f"t{n}", "x" * 400) for n in range(100)))]
        )
        assert "contains itself" in (await bench.refusal("canvas.a2ui.pushJSONL", {"jsonl": bomb}))[1]
        assert "Ada" in await shadow_text(bench)

    async def test_all_official_examples_are_drawn(self, bench: Bench) -> None:
        """43 of v0.9: no error of the renderer or its scripts, no violation of the policy."""
        for path in EXAMPLES:
            messages = json.loads(path.read_text(encoding="utf-8"))["messages"]
            answer = await bench.ask("canvas.a2ui.push", {"messages": messages})
            assert answer["ok"], path.stem
            await bench.ask("canvas.a2ui.reset")
        canvas = bench.providers.canvas
        assert canvas is not None
        assert list(canvas.stage.problems) == []

    async def test_a_tap_reaches_the_agent_and_the_page_hears_of_it(self, bench: Bench) -> None:
        messages = [CREATE, data({"name": "Ada L"}), update({**BUTTON, "id": "root"}, text("label", "Save"))]
        await bench.ask("canvas.a2ui.push", {"messages": messages}, session_key="agent:main:kitchen")
        await click(bench, "button")
        await eventually(lambda: bool(bench.events))
        ((name, payload),) = bench.events
        host = as_word(bench.host)
        assert name == "agent.request"
        assert payload.pop("key")
        assert payload == {
            "message": f"CANVAS_A2UI action=save_it session=agent:main:kitchen surface=s component=root "
            f'host={host} instance={host} ctx={{"who":"Ada L"}} default=update_canvas',
            "sessionKey": "agent:main:kitchen",
            "thinking": "low",
            "deliver": False,
        }
        status = "document.querySelector('#status').textContent"
        async with asyncio.timeout(10):
            while (await bench.ask("canvas.eval", {"javaScript": status}))["result"] != "Sent":
                pass

    async def test_a_page_from_elsewhere_cannot_act(self, bench: Bench, site: str) -> None:
        await bench.ask("canvas.present", {"url": site})
        script = """openclawCanvasA2UIAction.postMessage('{"userAction":{"name":"x","id":"1"}}')"""
        await bench.ask("canvas.eval", {"javaScript": script})
        await bench.ask("canvas.navigate", {"url": ""})
        assert bench.events == []

    async def test_markup_in_texts_stays_text(self, bench: Bench) -> None:
        attack = "<img src=x onerror=alert(1)><script>alert(1)</script>[x](javascript:alert(1))"
        messages: list[Any] = [CREATE, update({"id": "root", "component": "Text", "text": attack})]
        await bench.ask("canvas.a2ui.push", {"messages": messages})
        assert "alert(1)" in await shadow_text(bench)
        canvas = bench.providers.canvas
        assert canvas is not None
        assert list(canvas.stage.problems) == []

    async def test_what_goes_wrong_on_a_page_is_noted(self, bench: Bench, site: str) -> None:
        """Otherwise the two tests above could not fail."""
        await bench.ask("canvas.present", {"url": site})
        await bench.ask("canvas.eval", {"javaScript": "void setTimeout(() => { throw new Error('late') })"})
        await bench.ask("canvas.navigate", {"url": ""})
        policy = (
            "document.body.append(Object.assign(document.createElement('script'), {src: 'https://e.org/x'}))"
        )
        await bench.ask("canvas.eval", {"javaScript": policy})
        canvas = bench.providers.canvas
        assert canvas is not None
        await eventually(lambda: len(canvas.stage.problems) == 2)
        assert "late" in canvas.stage.problems[0]
        assert "Content Security Policy" in canvas.stage.problems[1]
