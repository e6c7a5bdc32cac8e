"""How the control page is served (rows S0.3-1, S1.B-7.2; attack cases 3 and 35).

What a browser may do with it, and that nothing else of the disk can be had.
"""

import gzip
import re
import time
from pathlib import Path

import httpx
import pytest

from gateway.web.files import FILES
from tests.support.daemon import Daemon

MAX_SCRIPT_BYTES = 200 * 1024
"""All JavaScript of the page together, compressed, before a canvas is opened."""


def client_of(daemon: Daemon) -> httpx.AsyncClient:
    """A client that does not unpack by itself what it should look at packed."""
    return httpx.AsyncClient(base_url=daemon.url)


def assets(page: str) -> list[str]:
    """Addresses of everything the page loads at once."""
    return re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)


async def test_the_page_may_load_and_contact_this_gateway_only(shared_daemon: Daemon) -> None:
    async with client_of(shared_daemon) as client:
        page = await client.get("/")
    rules = dict(rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert shared_daemon.token not in page.text
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", page.text)
    assert all(not address.startswith("http") for address in re.findall(r'(?:src|href)="([^"]+)"', page.text))


async def test_everything_the_page_names_is_there_and_kept_for_good(shared_daemon: Daemon) -> None:
    async with client_of(shared_daemon) as client:
        page = await client.get("/")
        names = assets(page.text)
        answers = [await client.get(f"/{name}") for name in names]
    assert {Path(name).suffix for name in names} == {".js", ".css", ".svg"}
    for answer in answers:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert page.headers["cache-control"] == "no-cache"


async def test_an_unchanged_page_is_not_sent_again(shared_daemon: Daemon) -> None:
    async with client_of(shared_daemon) as client:
        first = await client.get("/")
        again = await client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_browser_that_cannot_unpack_gets_it_plain(shared_daemon: Daemon) -> None:
    async with client_of(shared_daemon) as client:
        script = next(name for name in assets((await client.get("/")).text) if name.endswith(".js"))
        packed = await client.get(f"/{script}", headers={"Accept-Encoding": "gzip"})
        plain = await client.get(f"/{script}", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == (FILES / script).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2findex.html",
        "/assets/%2e%2e/%2e%2e/plain.py",
        "/assets/%252e%252e%252fplain.py",
        "/assets/..\\..\\plain.py",
        "/assets/none.js",
        "/assets/",
        "/index.html",
        "/assets/index.html%00.js",
    ],
)
async def test_nothing_else_of_the_disk_is_served(shared_daemon: Daemon, path: str) -> None:
    async with client_of(shared_daemon) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")


async def test_a_foreign_name_for_this_machine_gets_no_page(shared_daemon: Daemon) -> None:
    async with client_of(shared_daemon) as client:
        answer = await client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421


async def test_unknown_paths_are_typed_not_found(shared_daemon: Daemon) -> None:
    async with client_of(shared_daemon) as client:
        answer = await client.get("/no/such/page")
        wrong_method = await client.post("/")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")
    assert (wrong_method.status_code, wrong_method.json()["error"]["type"]) == (405, "method_not_allowed")


def test_all_scripts_together_are_small() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in FILES.glob("assets/*.js")}
    assert sum(sizes.values()) <= MAX_SCRIPT_BYTES, sizes


async def test_setting_the_page_up_costs_the_start_nothing() -> None:
    """Files are read when somebody asks for the page, and beside the event loop."""
    started = time.perf_counter()
    from gateway.web.files import BuiltPage

    BuiltPage(FILES)
    assert FILES.joinpath("index.html").is_file()
    assert time.perf_counter() - started < 0.005
