"""The canvas host: capability addresses, and files below one folder only (attack cases 33 to 36)."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.canvas.folder import NoSuchFile, parts_of, read_below
from gateway.canvas.passes import LIFETIME_MS, Passes
from tests.support.clock import FakeClock
from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode
from tests.support.wire import Json, RpcError, WireClient

SECRET = b"the secret outside"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with Daemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
async def hello(daemon: Daemon) -> AsyncIterator[tuple[WireClient, Json]]:
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        yield client, await client.connect()


def canvas_of(daemon: Daemon) -> Path:
    """The folder, with a page, and things that lead out of it."""
    root = daemon.home / "canvas"
    (root / "docs").mkdir()
    (root / "docs/index.html").write_text("<title>a document</title>")
    outside = daemon.home / "outside.html"
    outside.write_bytes(SECRET)
    (root / "link.html").symlink_to(outside)
    (root / "folder").symlink_to(daemon.home)
    os.mkfifo(root / "pipe.html")
    (root / ".hidden").write_bytes(SECRET)
    return root


async def raw_get(daemon: Daemon, target: str) -> bytes:
    """A request whose path no library tidies up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode("latin-1"))
    answer = await reader.read()
    writer.close()
    return answer


async def test_the_page_that_draws_is_served(daemon: Daemon, hello: tuple[WireClient, Json]) -> None:
    url = hello[1]["pluginSurfaceUrls"]["canvas"]
    assert url.startswith(f"{daemon.url}/__openclaw__/cap/")
    async with httpx.AsyncClient() as http:
        page = await http.get(f"{url}/__openclaw__/a2ui/?platform=linux")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
        assert "frame-src 'self'" in page.headers["content-security-policy"]
        frame = await http.get(f"{url}/__openclaw__/a2ui/v0_9.html")
        assert "sandbox allow-scripts" in frame.headers["content-security-policy"]
        script = await http.get(f"{url}/__openclaw__/a2ui/host.js")
        assert "openclawA2UI" in script.text
        token = url.rpartition("/")[2]
        assert (await http.get(f"{daemon.url}/__openclaw__/a2ui/host.js?oc_cap={token}")).status_code == 200
        bearer = {"Authorization": f"Bearer {daemon.token}"}
        assert (await http.get(f"{daemon.url}/__openclaw__/a2ui/", headers=bearer)).status_code == 200
        page = "/__openclaw__/a2ui/"
        for wrong in (daemon.url + page, f"{url[:-1]}!{page}", f"{daemon.url}{page}?oc_cap=x"):
            answer = await http.get(wrong)
            assert answer.status_code == 401
            assert answer.json() == {"error": {"message": "Unauthorized", "type": "unauthorized"}}


async def test_files_are_served_and_nothing_else(daemon: Daemon, hello: tuple[WireClient, Json]) -> None:
    canvas_of(daemon)
    url = hello[1]["pluginSurfaceUrls"]["canvas"]
    base = url.removeprefix(daemon.url)
    async with httpx.AsyncClient() as http:
        document = await http.get(f"{url}/__openclaw__/canvas/docs/")
        assert "a document" in document.text
        assert document.headers["content-security-policy"].startswith("sandbox allow-scripts")
        assert "Nothing is here yet" in (await http.get(f"{url}/__openclaw__/canvas/")).text
    attacks = [
        "../outside.html", "..%2foutside.html", "%2e%2e/outside.html", "%252e%252e%252foutside.html",
        "..%5coutside.html", "..\\outside.html", "%c0%ae%c0%ae/outside.html", "%00", "docs/index.html%00.png",
        "docs;/../../outside.html", "//outside.html", "docs//index.html", "./docs/index.html", ".hidden",
        "link.html", "folder/outside.html", "pipe.html", "docs/../../outside.html", "CON.", "C:/x",
        "docs/index.html::$DATA",
        "%ef%bc%8e%ef%bc%8e/outside.html", f"{'a/' * 200}x", "a" * 5000, "/etc/passwd", "%2fetc%2fpasswd",
    ]  # fmt: skip
    for attack in attacks:
        answer = await raw_get(daemon, f"{base}/__openclaw__/canvas/{attack}")
        status = answer.split(b" ", 2)[1]
        assert status in {b"400", b"404", b"414"}, (attack, answer[:200])
        assert SECRET not in answer
        assert b"root:" not in answer
    for attack in ("../../config", "schemas/v0_8.json", ".stamp", "%2e%2e/schemas.py"):
        answer = await raw_get(daemon, f"{base}/__openclaw__/a2ui/{attack}")
        assert answer.split(b" ", 2)[1] in {b"400", b"404"}, attack


async def test_an_address_is_renewed_and_ends_with_its_connection(
    daemon: Daemon, hello: tuple[WireClient, Json]
) -> None:
    client, first = hello[0], hello[1]["pluginSurfaceUrls"]["canvas"]
    fresh = await client.call("plugin.surface.refresh", {"surface": "canvas", "observedUrl": first})
    second = fresh["pluginSurfaceUrls"]["canvas"]
    assert second != first
    assert fresh["expiresAtMs"] > 0
    again = await client.call("plugin.surface.refresh", {"surface": "canvas", "observedUrl": first})
    assert again == {"surface": "canvas", "pluginSurfaceUrls": {"canvas": second}}
    with pytest.raises(RpcError, match="zzz plugin surface unavailable"):
        await client.call("plugin.surface.refresh", {"surface": "zzz"})
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{first}/__openclaw__/a2ui/")).status_code == 401
        assert (await http.get(f"{second}/__openclaw__/a2ui/")).status_code == 200
        await client.close()
        async with asyncio.timeout(10):
            while (await http.get(f"{second}/__openclaw__/a2ui/")).status_code != 401:
                pass


async def test_a_node_gets_one_once_its_canvas_is_approved(
    daemon: Daemon, hello: tuple[WireClient, Json]
) -> None:
    node = ScriptedNode(daemon, caps=["canvas"], commands=["canvas.present"])
    assert "pluginSurfaceUrls" not in await node.connect()
    with pytest.raises(RpcError, match="canvas plugin surface unavailable"):
        await node.wire.call("node.pluginSurface.refresh", {"surface": "canvas"})
    await node.approved_by(hello[0])
    told = await node.wire.call("node.pluginSurface.refresh", {"surface": "canvas"})
    assert told["pluginSurfaceUrls"]["canvas"].startswith(daemon.url)
    again = await node.connect()
    assert again["pluginSurfaceUrls"]["canvas"].startswith(f"{daemon.url}/__openclaw__/cap/")
    await node.close()


def test_an_address_lives_as_long_as_it_is_used() -> None:
    clock = FakeClock()
    passes = Passes(clock)
    assert passes.url("c1") is None
    passes.met("c1", "http://gw:1")
    url = passes.url("c1")
    assert url is not None
    token = url.rpartition("/")[2]
    assert len(token) == 24
    for _ in range(3):
        clock.move(LIFETIME_MS / 1000 - 1)
        assert passes.use(token)
    clock.move(LIFETIME_MS / 1000)
    assert not passes.use(token)
    assert passes.url("c1") != url
    assert not passes.use("")


@pytest.mark.parametrize(
    "path", ["..", "a/..", "a b/ c", "x.", "é", "a\x00", "a:b", "a%41", "-" * 200, "a..b"]
)
def test_a_path_of_odd_names(path: str) -> None:
    with pytest.raises(NoSuchFile):
        parts_of(path)


def test_nothing_but_plain_files_is_read(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(b"here")
    assert read_below(tmp_path, parts_of("page.html")) == b"here"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        for name in ("door", "none", "page.html/x"):
            with pytest.raises(NoSuchFile):
                read_below(tmp_path, parts_of(name))
