"""The page where the control page was not built (row S0.3-7): it says how to connect, and runs nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from gateway import web
from gateway.kernel.feature import House
from gateway.kernel.net.routes import HttpRoutes
from gateway.web.plain import plain_page


def browser() -> httpx.AsyncClient:
    """A client of a server that has only this page."""
    application = Starlette(routes=[Route("/", plain_page)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:18789")


async def test_the_page_says_how_to_connect_and_how_to_get_more() -> None:
    async with browser() as client:
        page = await client.get("/")
    assert page.status_code == 200
    assert "ws://127.0.0.1:18789/" in page.text
    assert "homarus chat" in page.text
    assert "scripts/setup" in page.text


async def test_the_page_runs_no_script_and_cannot_be_framed() -> None:
    async with browser() as client:
        page = await client.get("/")
        head = await client.head("/")
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert head.status_code == 200


async def test_a_host_name_cannot_become_markup() -> None:
    async with browser() as client:
        page = await client.get("/", headers={"Host": '"><script>alert(1)</script>'})
    assert "<script" not in page.text


async def test_it_is_what_a_gateway_serves_whose_page_was_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "FILES", tmp_path)
    routes = HttpRoutes()
    await web.setup(cast("House", SimpleNamespace(http=routes)))
    transport = httpx.ASGITransport(routes.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = await client.get("/")
    assert (page.status_code, "scripts/setup" in page.text) == (200, True)
