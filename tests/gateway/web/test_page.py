"""The page at `/` (row S0.3-7): it says how to connect, runs nothing, and leaks nothing."""

import httpx

from tests.support.daemon import Daemon


async def test_the_page_says_how_to_connect(shared_daemon: Daemon) -> None:
    async with httpx.AsyncClient(base_url=shared_daemon.url) as client:
        page = await client.get("/")
    assert page.status_code == 200
    assert f"ws://127.0.0.1:{shared_daemon.port}/" in page.text
    assert "homarus chat" in page.text
    assert shared_daemon.token not in page.text


async def test_the_page_runs_no_script_and_cannot_be_framed(shared_daemon: Daemon) -> None:
    async with httpx.AsyncClient(base_url=shared_daemon.url) as client:
        page = await client.get("/")
        head = await client.head("/")
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert head.status_code == 200


async def test_unknown_paths_are_typed_not_found(shared_daemon: Daemon) -> None:
    async with httpx.AsyncClient(base_url=shared_daemon.url) as client:
        answer = await client.get("/no/such/page")
        wrong_method = await client.post("/")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")
    assert (wrong_method.status_code, wrong_method.json()["error"]["type"]) == (405, "method_not_allowed")
