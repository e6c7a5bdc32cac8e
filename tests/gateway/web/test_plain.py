"""The page where the control page was not built (row S0.3-7): it says how to connect, and runs nothing."""

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

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
